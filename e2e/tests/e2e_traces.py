"""What there is of mediamesh: on a node's machine, and in the API."""

from collections.abc import Callable, Iterator
from typing import Any

from mediamesh_e2e.cluster.node import Node
from mediamesh_e2e.kubectl import Kubectl
from mediamesh_e2e.patience import until
from mediamesh_e2e.release.chart import NAME

ROOT = "/run/mediamesh"
OURS = ("mediamesh_agent", "mediamesh-node", "mediamesh-operator")
POOLS = """
{ grep -hs memfd:mediamesh-pool /proc/[0-9]*/maps | awk '{print $5}'
  find /proc/[0-9]*/fd -lname '/memfd:mediamesh-pool*' -exec stat -L -c %i {} + 2>/dev/null
} | sort -u
"""
RIG = "mediamesh-e2e"  # names of the cluster itself begin so
TRANSIENT = {"Event", "APIService", "EndpointSlice"}


def files(node: Node, *words: str) -> set[str]:
    """Give what is below the hub's folder, by its path there; `words` are find's."""
    return set(node.machine.run("find", ROOT, "-mindepth", "1", *words, "-printf", "%P\n").split())


def sockets(node: Node) -> set[str]:
    """Give the sockets below the hub's folder."""
    return files(node, "-type", "s")


def pods_with_sockets(node: Node) -> set[str]:
    """Give the uids of pods that have a socket in their folder."""
    return {path.split("/")[1] for path in sockets(node) if path.startswith("pods/")}


def pod_folders(node: Node) -> set[str]:
    """Give the uids of pods that have a folder on the machine."""
    return {path.removeprefix("pods/") for path in files(node, "-path", f"{ROOT}/pods/*", "-type", "d")}


def pools(node: Node) -> set[str]:
    """Give the frame pools that any process of the machine holds, by their inodes."""
    return set(node.machine.run("sh", "-c", POOLS).split())


def await_pools(node: Node, expected: set[str]) -> None:
    """Wait until a machine has no pools but these, of which some may be going as well."""
    until(lambda: pools(node) <= expected, f"the end of other pools on {node.name}", seconds=60)


def living(kubectl: Kubectl, node: Node) -> set[str]:
    """Give the uids of all pods on a node."""
    chosen = ["pods", "--all-namespaces", f"--field-selector=spec.nodeName={node.name}"]
    return {pod["metadata"]["uid"] for pod in kubectl.get(*chosen)["items"]}


def await_only_the_living(kubectl: Kubectl, node: Node, what: Callable[[Node], set[str]], seconds: float) -> None:
    """Wait until what a machine has of pods, by their uids, is of pods that are there."""

    def seen() -> bool:
        return what(node) <= living(kubectl, node)

    until(seen, f"the end of what pods that are gone had on {node.name}", seconds=seconds)


def processes(node: Node) -> list[str]:
    """Give the command lines of agent, hub, their bridges and operator, wherever on the machine they run."""
    lines = node.machine.run("ps", "-eo", "args=").splitlines()
    return [line for line in lines if any(name in line for name in OURS)]


def mounted(node: Node) -> set[str]:
    """Give the uids of pods in which their folder is mounted, the folder being there or not."""
    lines = node.machine.run("cat", "/proc/1/mountinfo").splitlines()
    roots = [line.split()[3] for line in lines]
    folders = {root.removesuffix("//deleted") for root in roots if "/mediamesh/pods/" in root}
    return {folder.rpartition("/")[2] for folder in folders}


def objects(kubectl: Kubectl) -> set[str]:
    """Give every object of every kind that has our name, or a label that names the release: `Kind/namespace/name`."""
    kinds = kubectl("api-resources", "--verbs=list", "--output=name").split()
    listed = kubectl.get(",".join(kinds), "--all-namespaces")["items"]
    return set(_ours(listed))


def _ours(listed: list[dict[str, Any]]) -> Iterator[str]:
    for each in listed:
        metadata = each["metadata"]
        name, told = metadata["name"], (metadata.get("labels") or {}).values()
        if each["kind"] not in TRANSIENT and not name.startswith(RIG) and any(NAME in word for word in (name, *told)):
            yield "/".join((each["kind"], metadata.get("namespace", ""), name))
