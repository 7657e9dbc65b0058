"""Nodes that are only objects: kwok says on their behalf that they and their pods are Ready, hundreds of them.

They have no kubelet, so nothing runs there; a pod that is to run for real selects `node-a` or `node-b`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mediamesh_e2e.cluster.cluster import Cluster
from mediamesh_e2e.cluster.machine import Program
from mediamesh_e2e.kubectl import Manifest
from mediamesh_e2e.toolchain import go_program, module_folder

MODULE = "sigs.k8s.io/kwok"
NODE_STAGES = ("node/fast/node-initialize", "node/heartbeat-with-lease/node-heartbeat-with-lease")
POD_STAGES = ("pod/fast/pod-ready", "pod/fast/pod-complete", "pod/fast/pod-delete")
MARK = {"kwok.x-k8s.io/node": "fake"}
TAINT = {"key": "mediamesh.io/simulated", "effect": "NoSchedule"}
PODS = "10.252.0.0/16"  # addresses that are written into objects and never used
LEASE = 40  # seconds


def start_kwok(cluster: Cluster) -> Program:
    """Start kwok on the machine of the control plane; the first time it is built, in 2 to 4 minutes."""
    made = kwok()
    flags = [
        f"--kubeconfig={cluster.kubeconfig}",
        f"--config={made / 'stages.yaml'}",
        "--manage-nodes-with-annotation-selector=" + ",".join(f"{key}={value}" for key, value in MARK.items()),
        f"--node-lease-duration-seconds={LEASE}",
        f"--cidr={PODS}",
        f"--node-ip={cluster.layout.control.address}",
    ]
    return cluster.control.machine.start("kwok", [made / "kwok", *flags])


def kwok() -> Path:
    """Give the folder with the program and with the rules by which it plays; they are part of its module."""
    return go_program("kwok", "kwok: 2 to 4 minutes, once", _collect_stages)


def nodes(names: Iterable[str]) -> list[Manifest]:
    """Give nodes for kwok to play; they are tainted, so that only pods that tolerate it come to them."""
    return [_node(name) for name in names]


def _node(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "annotations": MARK, "labels": {"kubernetes.io/hostname": name}},
        "spec": {"taints": [TAINT]},
    }


def _collect_stages(folder: Path) -> None:
    stages = module_folder("kwok", MODULE) / "kustomize" / "stage"
    texts = [(stages / f"{name}.yaml").read_text() for name in NODE_STAGES + POD_STAGES]
    (folder / "stages.yaml").write_text("\n---\n".join(texts))
