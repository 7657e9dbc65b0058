"""Objects of the API server as we keep them: parsed, and only the fields that we look at.

A body that is no valid connection becomes one with a `problem`, so that it gets its verdict like all others.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mediamesh_core.kinds import InvalidKinds, MediaConnection, from_object
from mediamesh_core.planner import Pod

CSI_DRIVER: Final = "mediamesh.csi"
Body = Mapping[str, Any]
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Connection:
    """A MediaConnection, right or wrong."""

    namespace: str
    name: str
    uid: str
    generation: int
    version: str
    """`resourceVersion`."""
    created: str
    spec: MediaConnection | None
    problem: str
    """Why there is no `spec`."""
    status: Mapping[str, Any]
    """As the API server has it."""

    @property
    def full_name(self) -> str:
        """The name by which clients attach: "namespace/name"."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class ClusterNode:
    """A Node."""

    name: str
    uid: str
    created: str


@dataclass(frozen=True, slots=True)
class KnownPod:
    """A pod, and whether it is an agent's."""

    pod: Pod
    agent: bool


@dataclass(frozen=True, slots=True)
class MediaNode:
    """A MediaNode as the API server has it."""

    name: str
    uid: str
    owner: str
    """Uid of the Node that owns it."""
    status: Mapping[str, Any]


def connection(body: Body, before: Connection | None) -> Connection:
    """Return the MediaConnection in a body; `before` is the last one of its name, of which the parsed spec is kept."""
    metadata = body["metadata"]
    uid, generation = str(metadata["uid"]), int(metadata.get("generation") or 0)
    if before is not None and (before.uid, before.generation) == (uid, generation):
        spec, problem = before.spec, before.problem
    else:
        spec, problem = _parsed(body)
    return Connection(
        namespace=str(metadata["namespace"]),
        name=str(metadata["name"]),
        uid=uid,
        generation=generation,
        version=str(metadata["resourceVersion"]),
        created=str(metadata.get("creationTimestamp") or ""),
        spec=spec,
        problem=problem,
        status=body.get("status") or {},
    )


def _parsed(body: Body) -> tuple[MediaConnection | None, str]:
    try:
        return from_object({key: value for key, value in body.items() if key != "status"}), ""
    except InvalidKinds as error:
        return None, error.message
    except Exception as error:  # whatever somebody has written, it is no reason to know of nothing else
        log.warning("an object cannot be parsed", exc_info=True)
        return None, f"cannot be understood: {type(error).__name__}"


def cluster_node(body: Body) -> ClusterNode:
    """Return the Node in a body."""
    metadata = body["metadata"]
    return ClusterNode(str(metadata["name"]), str(metadata["uid"]), str(metadata.get("creationTimestamp") or ""))


def _pod(body: Body, root: str) -> Pod:
    metadata, spec = body["metadata"], body.get("spec") or {}
    conditions = (body.get("status") or {}).get("conditions") or ()
    return Pod(
        uid=str(metadata["uid"]),
        namespace=str(metadata["namespace"]),
        node=str(spec.get("nodeName") or ""),
        labels=dict(metadata.get("labels") or {}),
        name=str(metadata["name"]),
        ready=_is_true(conditions, "Ready") and not metadata.get("deletionTimestamp"),
        created=str(metadata.get("creationTimestamp") or ""),
        mounted=_mounts(spec, root),
    )


def _mounts(spec: Body, root: str) -> bool:
    """Whether a pod has a folder of ours: by our CSI driver, or from below the root."""
    ours = {volume["name"] for volume in spec.get("volumes") or () if _is_ours(volume, root)}
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    return bool(ours) and any(
        mount.get("name") in ours for container in containers for mount in container.get("volumeMounts") or ()
    )


def _is_ours(volume: Body, root: str) -> bool:
    if (volume.get("csi") or {}).get("driver") == CSI_DRIVER:
        return True
    told = str((volume.get("hostPath") or {}).get("path") or "")
    if not told:  # as of nearly every volume of thousands of pods
        return False
    path, folder = _plain(told), _plain(f"{root}/pods")
    return path == folder or path.startswith(f"{folder}/")


def _plain(path: str) -> str:
    """Return what a path means, however it is spelled: as the mount policy of the chart reads it."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    return "/" + "/".join(parts[1:] if parts[:2] == ["var", "run"] else parts)


def _is_true(conditions: Iterable[Body], kind: str) -> bool:
    return any(each.get("type") == kind and each.get("status") == "True" for each in conditions)


def media_node(body: Body) -> MediaNode:
    """Return the MediaNode in a body."""
    metadata = body["metadata"]
    owners = [str(owner["uid"]) for owner in metadata.get("ownerReferences") or () if owner.get("kind") == "Node"]
    return MediaNode(str(metadata["name"]), str(metadata["uid"]), (owners or [""])[0], body.get("status") or {})


def known_pod(body: Body, root: str, agent_account: str) -> KnownPod:
    """Return what is kept of the pod in a body."""
    return KnownPod(_pod(body, root), _account(body) == agent_account)


def _account(body: Body) -> str:
    return f"{body['metadata']['namespace']}/{(body.get('spec') or {}).get('serviceAccountName') or ''}"


def full_name(body: Body) -> str:
    """Return "namespace/name"."""
    return f"{body['metadata']['namespace']}/{body['metadata']['name']}"
