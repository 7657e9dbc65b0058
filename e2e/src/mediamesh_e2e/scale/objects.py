"""The objects of a large cluster: nodes without machines, pods without containers, and connections between them."""

from typing import Any, Final

API: Final = "mediamesh.io/v1alpha1"


ROOT: Final = "/run/mediamesh"
ROLES: Final = ("camera", "wall", "wall", "other", "other")
"""Of the pods that there are for each connection."""


def agent_pod(on: str, namespace: str, account: str) -> dict[str, Any]:
    """Return the pod that an agent's token is bound to."""
    spec = {"serviceAccountName": account}
    return _pod(f"agent-{on}", namespace, on, {"app": "agent"}, spec)


def application(number: int, on: str, namespace: str) -> dict[str, Any]:
    """Return a pod: of five the first is a camera, two are its walls, and two have nothing to do with media."""
    feed, place = divmod(number, len(ROLES))
    role = ROLES[place]
    labels = {"app": role, "feed": f"feed{feed}"}
    return _pod(f"{role}-{number}", namespace, on, labels, _mounting() if role != "other" else {})


def connection(number: int, on: str, namespace: str, queue: int = 4) -> dict[str, Any]:
    """Return a connection on a node: every other one between pods, the others between peers on the host."""
    ends = _of_pods(number) if number % 2 else _of_peers(number, on)
    video = {"width": 1920, "height": 1080, "frameRate": "60", "pixelFormat": "yuv422p10le"}
    sinks = [{"name": name, **end, "delivery": {"queue": queue}} for name, end in list(ends.items())[1:]]
    return {
        "apiVersion": API,
        "kind": "MediaConnection",
        "metadata": {"name": f"cam{number}", "namespace": namespace},
        "spec": {"payload": {"video": video}, "source": {"name": "camera", **ends["camera"]}, "sinks": sinks},
    }


def _of_pods(number: int) -> dict[str, Any]:
    return {role: {"pod": {"matchLabels": {"app": role, "feed": f"feed{number}"}}} for role in ("camera", "wall")}


def _of_peers(number: int, on: str) -> dict[str, Any]:
    names = ("camera", "wall", "analysis")
    return {name: {"memif": {"role": "server", "socket": f"{name}{number}.sock", "nodeName": on}} for name in names}


def _mounting() -> dict[str, Any]:
    return {"volumes": [{"name": "mediamesh", "hostPath": {"path": f"{ROOT}/pods"}}]}


def _pod(name: str, namespace: str, on: str, labels: dict[str, str], spec: dict[str, Any]) -> dict[str, Any]:
    mounts = [{"name": each["name"], "mountPath": ROOT} for each in spec.get("volumes", ())]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "nodeName": on,
            "containers": [{"name": "main", "image": "registry.test/none:1", "volumeMounts": mounts}],
            "tolerations": [{"operator": "Exists"}],
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            **spec,
        },
    }
