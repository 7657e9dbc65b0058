"""Applications in pods: sources and sinks of the tests, as restricted as a user's may be, and what they say."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mediamesh_e2e.patience import until
from mediamesh_e2e.pods import Pods, pod
from mediamesh_e2e.release.images import application_image

VIDEO: Mapping[str, Any] = {"width": 64, "height": 48, "frameRate": 25, "pixelFormat": "rgb24"}
LIVE: Mapping[str, Any] = {"policy": "dropOldest", "queue": 64}
"""A delivery that a sink on a busy machine keeps up with."""
PATIENCE = 60.0  # seconds
SMALL = {"requests": {"cpu": "10m", "memory": "32Mi"}}
HARMLESS = {
    "runAsUser": 1000,
    "runAsNonRoot": True,
    "readOnlyRootFilesystem": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def connection(
    name: str,
    *,
    source: str = "source",
    sinks: Mapping[str, Mapping[str, Any]],
    payload: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Give a connection from pods labelled `app: source` to a sink for each app named, by its delivery."""
    return {
        "apiVersion": "mediamesh.io/v1alpha1",
        "kind": "MediaConnection",
        "metadata": {"name": name},
        "spec": {
            "payload": payload or {"video": VIDEO},
            "source": {"name": source, "pod": {"matchLabels": {"app": source}}},
            "sinks": [
                {"name": app, "pod": {"matchLabels": {"app": app}}, "delivery": delivery}
                for app, delivery in sinks.items()
            ],
        },
    }


def application(
    tag: str, program: str, flow: str, *words: str, app: str, name: str = "", node: str = "node-a", folder: bool = True
) -> dict[str, Any]:
    """Give a pod that runs `source.py` or `sink.py` for a connection, with nothing that it may do.

    Without `folder` it has no folder of mediamesh.
    """
    made = pod(
        name or app,
        application_image(tag),
        ["python3", f"/opt/{program}.py", flow, *words],
        node=node,
        labels={"app": app},
        container={"securityContext": HARMLESS, "resources": SMALL},
    )
    return with_folder(made) if folder else made


def with_folder(manifest: dict[str, Any]) -> dict[str, Any]:
    """Give the pod the volume, mount and environment that the documentation tells users to write."""
    spec = manifest["spec"]
    spec["volumes"] = [
        *spec.get("volumes", []),
        {"name": "mediamesh", "hostPath": {"path": "/run/mediamesh/pods", "type": "DirectoryOrCreate"}},
    ]
    for container in spec["containers"]:
        uid = {"name": "POD_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}}
        mount = {"name": "mediamesh", "mountPath": "/run/mediamesh", "subPathExpr": "$(POD_UID)", "readOnly": True}
        container["env"] = [*container.get("env", []), uid]
        container["volumeMounts"] = [*container.get("volumeMounts", []), mount]
    return manifest


def with_volume(manifest: dict[str, Any]) -> dict[str, Any]:
    """Give the pod the volume and mount of mode `csi`."""
    spec = manifest["spec"]
    volume = {"name": "mediamesh", "csi": {"driver": "mediamesh.csi", "readOnly": True}}
    spec["volumes"] = [*spec.get("volumes", []), volume]
    for container in spec["containers"]:
        mount = {"name": "mediamesh", "mountPath": "/run/mediamesh", "readOnly": True}
        container["volumeMounts"] = [*container.get("volumeMounts", []), mount]
    return manifest


@dataclass(frozen=True, slots=True)
class Received:
    """What a sink has said last."""

    frames: int = 0
    missed: int = 0
    altered: int = 0
    discontinuities: int = 0
    unflagged: int = 0
    last: int = -1
    sources: tuple[str, ...] = ()

    @property
    def flawless(self) -> bool:
        """Whether every frame since the first came, once, as it was sent."""
        return self.missed == 0 and self.altered == 0

    @property
    def first(self) -> int:
        """The number of the first frame, as long as they are one sender's and flawless; another if it began anew."""
        return self.last - self.frames + 1

    def continues(self, before: "Received") -> bool:
        """Whether all since `before` came, of the same sender and none flagged, and the receiver did not begin anew."""
        unchanged = (self.sources, self.discontinuities, self.first) == (
            before.sources,
            before.discontinuities,
            before.first,
        )
        return self.flawless and unchanged


@dataclass(frozen=True, slots=True)
class Applications:
    """The applications of a namespace, heard by what they print."""

    pods: Pods

    def received(self, name: str) -> Received:
        """Give what a sink has said last; nothing received if it has not spoken yet."""
        said = self.pods.kubectl("logs", "--namespace", self.pods.namespace, name, "--tail=1").strip()
        if not said.startswith("{"):
            return Received()
        told = json.loads(said)
        return Received(**{**told, "sources": tuple(told["sources"])})

    def more(self, name: str, frames: int = 25, patience: float = PATIENCE) -> Received:
        """Wait until a sink has got so many frames more than it has now, and give what it says then."""
        enough = self.received(name).frames + frames
        return until(lambda: self._with(name, enough), f"{frames} more frames of {name}", seconds=patience)

    def _with(self, name: str, frames: int) -> Received | None:
        received = self.received(name)
        return received if received.frames >= frames else None

    def condition(self, flow: str, kind: str) -> Mapping[str, str]:
        """Give a condition of a connection; one without status and reason while there is none."""
        found = self.pods.kubectl.get("mediaconnection", flow, namespace=self.pods.namespace)
        conditions = found.get("status", {}).get("conditions", [])
        return next((each for each in conditions if each["type"] == kind), {"status": "", "reason": ""})

    def await_condition(self, flow: str, kind: str, reason: str) -> Mapping[str, str]:
        """Wait until a condition has a reason, and give it."""

        def found() -> Mapping[str, str] | None:
            condition = self.condition(flow, kind)
            return condition if condition["reason"] == reason else None

        return until(found, f"{kind} of {flow} to say {reason}", seconds=PATIENCE)
