"""Objects as the API server writes them."""

from typing import Any

ROOT = "/run/mediamesh"
AGENTS = "media/mediamesh-node"


def connection(name: str = "cam1", **metadata: Any) -> dict[str, Any]:
    """Return a MediaConnection from the pods `app: camera` to the pods `app: wall`."""
    return {
        "apiVersion": "mediamesh.io/v1alpha1",
        "kind": "MediaConnection",
        "metadata": {
            "name": name,
            "namespace": "studio",
            "uid": f"uid-{name}",
            "generation": 1,
            "resourceVersion": "1",
            "creationTimestamp": "2026-11-01T10:00:00Z",
            "managedFields": [{"manager": "kubectl"}],
        }
        | metadata,
        "spec": {
            "payload": {"blob": {"maxSize": 100}},
            "source": {"name": "camera", "pod": {"matchLabels": {"app": "camera"}}},
            "sinks": [{"name": "wall", "pod": {"matchLabels": {"app": "wall"}}}],
        },
    }


def node(name: str = "node-a", *, ready: bool = True, **metadata: Any) -> dict[str, Any]:
    """Return a Node."""
    conditions = [{"type": "Ready", "status": str(ready), "lastHeartbeatTime": "now"}]
    made = {"name": name, "uid": f"uid-{name}", "creationTimestamp": "2026-11-01T09:00:00Z", "resourceVersion": "1"}
    return {"kind": "Node", "metadata": made | metadata, "status": {"conditions": conditions}}


def network(name: str = "fabric") -> dict[str, Any]:
    """Return a MediaNetwork."""
    return {"kind": "MediaNetwork", "metadata": {"name": name, "uid": f"uid-{name}", "resourceVersion": "1"}}


def media_node(name: str = "node-a") -> dict[str, Any]:
    """Return a MediaNode that is owned by its Node."""
    owner = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": f"uid-{name}"}
    metadata = {"name": name, "uid": f"uid-medianode-{name}", "resourceVersion": "1", "ownerReferences": [owner]}
    return {"kind": "MediaNode", "metadata": metadata}


def pod(name: str = "camera-0", *, app: str = "camera", on: str = "node-a", ready: bool = True) -> dict[str, Any]:
    """Return a pod that mounts our volume as the documentation says."""
    return {
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "studio",
            "uid": f"uid-{name}",
            "creationTimestamp": "2026-11-01T10:00:00Z",
            "resourceVersion": "1",
            "labels": {"app": app},
        },
        "spec": {
            "nodeName": on,
            "serviceAccountName": "default",
            "containers": [{"name": "app", "volumeMounts": [{"name": "mediamesh", "subPathExpr": "$(POD_UID)"}]}],
            "volumes": [{"name": "mediamesh", "hostPath": {"path": f"{ROOT}/pods"}}],
        },
        "status": {"conditions": [{"type": "Ready", "status": str(ready)}]},
    }


def agent_pod(on: str = "node-a", name: str = "") -> dict[str, Any]:
    """Return an agent's pod."""
    made = pod(name or f"agent-{on}", app="agent", on=on)
    made["metadata"]["namespace"], made["spec"]["serviceAccountName"] = AGENTS.split("/")
    made["spec"]["volumes"] = [{"name": "mediamesh", "hostPath": {"path": ROOT}}]
    return made
