"""What there is in the cluster, as far as we need it: the newest of every object, parsed.

Handlers put bodies in, the worker reads. A body that is no valid connection is kept with what is wrong with it, so it
gets its verdict like all others. Of pods only a handful of fields is kept. `version` counts changes that can make a
difference to a plan: our own writes of status, and heartbeats of nodes, do not.

An object that is deleted and made again under its name has two uids, and their events may come in any order; the one
that was created later wins.
"""

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
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
    ready: bool
    """As its kubelet says."""


@dataclass(frozen=True, slots=True)
class KnownPod:
    """A pod, and whether it is an agent's."""

    pod: Pod
    agent: bool


@dataclass(slots=True)
class World:
    """Everything that is watched."""

    agent_account: str
    """Service account of the agents' pods, as "namespace/name"."""
    root: str
    """Folder on the nodes whose `pods` pods mount."""
    version: int = 0
    connections: dict[str, Connection] = field(default_factory=dict)
    """By full name."""
    nodes: dict[str, ClusterNode] = field(default_factory=dict)
    pods: dict[str, KnownPod] = field(default_factory=dict)
    """By uid."""

    def put_connection(self, body: Body) -> str:
        """Keep a connection; return its full name."""
        before = self.connections.get(_full_name(body))
        new = _connection(body, before)
        if before is not None and before.uid != new.uid and before.created > new.created:
            return before.full_name
        self.connections[new.full_name] = new
        if before is None or (before.uid, before.generation) != (new.uid, new.generation):
            self.version += 1
        return new.full_name

    def drop_connection(self, body: Body) -> str:
        """Forget a connection; return its full name."""
        name = _full_name(body)
        if name in self.connections and self.connections[name].uid == body["metadata"]["uid"]:
            del self.connections[name]
            self.version += 1
        return name

    def put_node(self, body: Body) -> bool:
        """Keep a node; return whether that makes a difference."""
        node = _node(body)
        before = self.nodes.get(node.name)
        if before == node or (before is not None and before.uid != node.uid and before.created > node.created):
            return False
        self.nodes[node.name] = node
        self.version += 1
        return True

    def drop_node(self, body: Body) -> bool:
        """Forget a node; return whether that makes a difference."""
        name = str(body["metadata"]["name"])
        if name not in self.nodes or self.nodes[name].uid != body["metadata"]["uid"]:
            return False
        del self.nodes[name]
        self.version += 1
        return True

    def put_pod(self, body: Body) -> bool:
        """Keep a pod; return whether that can make a difference."""
        known = KnownPod(_pod(body, self.root), _account(body) == self.agent_account)
        before = self.pods.get(known.pod.uid)
        if before == known:
            return False
        self.pods[known.pod.uid] = known
        return self._matters(known)

    def drop_pod(self, body: Body) -> bool:
        """Forget a pod; return whether that can make a difference."""
        known = self.pods.pop(str(body["metadata"]["uid"]), None)
        return known is not None and self._matters(known)

    def uids(self, plural: str) -> set[str]:
        """Return the uids of a watched kind."""
        if plural == "pods":
            return set(self.pods)
        if plural == "nodes":
            return {node.uid for node in self.nodes.values()}
        return {each.uid for each in self.connections.values()} if plural == "mediaconnections" else set()

    def forget(self, plural: str, gone: Collection[str]) -> None:
        """Drop objects that turned out to be gone."""
        if plural == "pods":
            self.pods = {uid: pod for uid, pod in self.pods.items() if uid not in gone}
        elif plural == "nodes":
            self.nodes = {name: node for name, node in self.nodes.items() if node.uid not in gone}
        elif plural == "mediaconnections":
            self.connections = {name: each for name, each in self.connections.items() if each.uid not in gone}
        self.version += 1

    def created(self, pod_uid: str) -> str:
        """Return when a pod was made; "" if nobody knows it."""
        known = self.pods.get(pod_uid)
        return known.pod.created if known else ""

    def _matters(self, known: KnownPod) -> bool:
        """Whether a pod can be part of a plan: its namespace has connections, it mounts our volume, or is an agent."""
        pod = known.pod
        if known.agent or pod.mounted or any(each.namespace == pod.namespace for each in self.connections.values()):
            self.version += 1
            return True
        return False


def _connection(body: Body, before: Connection | None) -> Connection:
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


def _node(body: Body) -> ClusterNode:
    metadata, conditions = body["metadata"], (body.get("status") or {}).get("conditions") or ()
    return ClusterNode(
        name=str(metadata["name"]),
        uid=str(metadata["uid"]),
        created=str(metadata.get("creationTimestamp") or ""),
        ready=_is_true(conditions, "Ready"),
    )


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
    path = str((volume.get("hostPath") or {}).get("path") or "").rstrip("/")
    return path == f"{root}/pods" or path.startswith(f"{root}/pods/")


def _is_true(conditions: Iterable[Body], kind: str) -> bool:
    return any(each.get("type") == kind and each.get("status") == "True" for each in conditions)


def _account(body: Body) -> str:
    return f"{body['metadata']['namespace']}/{(body.get('spec') or {}).get('serviceAccountName') or ''}"


def _full_name(body: Body) -> str:
    return f"{body['metadata']['namespace']}/{body['metadata']['name']}"
