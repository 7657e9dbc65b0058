"""The objects of a large cluster: nodes without machines, pods without containers, and connections between them."""

from typing import Any, Final

API: Final = "mediamesh.io/v1alpha1"


def node(name: str) -> dict[str, Any]:
    """Return a Node that no kubelet is of."""
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {"mediamesh.io/simulated": "yes"}}}


def agent_pod(on: str, namespace: str, account: str) -> dict[str, Any]:
    """Return the pod that an agent's token is bound to."""
    spec = {"serviceAccountName": account}
    return _pod(f"agent-{on}", namespace, on, {"app": "agent"}, spec)


def application(number: int, on: str, namespace: str) -> dict[str, Any]:
    """Return a pod that has nothing to do with media."""
    return _pod(f"application-{number}", namespace, on, {"app": f"application-{number % 500}"}, {})


def connection(number: int, on: str, namespace: str) -> dict[str, Any]:
    """Return a connection between two peers on a node's host."""
    return {
        "apiVersion": API,
        "kind": "MediaConnection",
        "metadata": {"name": f"cam{number}", "namespace": namespace},
        "spec": {
            "payload": {
                "video": {"width": 1920, "height": 1080, "frameRate": "60", "pixelFormat": "yuv422p10le"},
            },
            "source": {"name": "camera", "memif": {"role": "server", "socket": f"in{number}.sock", "nodeName": on}},
            "sinks": [
                {"name": name, "memif": {"role": "server", "socket": f"{name}{number}.sock", "nodeName": on}}
                for name in ("wall", "analysis")
            ],
        },
    }


def _pod(name: str, namespace: str, on: str, labels: dict[str, str], spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "nodeName": on,
            "containers": [{"name": "main", "image": "registry.test/none:1"}],
            "tolerations": [{"operator": "Exists"}],
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            **spec,
        },
    }
