"""What there is in the cluster: the newest of every object that we watch.

Handlers put bodies in, the worker reads. `version` counts changes that can make a difference to a plan: our own
writes of status, and heartbeats of nodes, do not.

An object that is deleted and made again under its name has two uids, and their events may come in any order; the one
that was created later wins.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from mediamesh_operator import objects
from mediamesh_operator.objects import Body, ClusterNode, Connection, KnownPod, MediaNode

_KINDS = ("mediaconnections", "medianetworks", "medianodes", "nodes", "pods")


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
    media_nodes: dict[str, MediaNode] = field(default_factory=dict)
    networks: dict[str, str] = field(default_factory=dict)
    """Uids by name."""
    gone: set[str] = field(default_factory=set)
    """Uids of what was dropped before the world was complete."""
    complete: bool = False
    """Everything that a list has has been told of."""

    def put_connection(self, body: Body) -> str:
        """Keep a connection; return its full name."""
        before = self.connections.get(objects.full_name(body))
        new = objects.connection(body, before)
        if before is not None and before.uid != new.uid and before.created > new.created:
            return before.full_name
        self.connections[new.full_name] = new
        if before is None or (before.uid, before.generation) != (new.uid, new.generation):
            self.version += 1
        return new.full_name

    def drop_connection(self, body: Body) -> str:
        """Forget a connection; return its full name."""
        self._note(body)
        name = objects.full_name(body)
        if name in self.connections and self.connections[name].uid == body["metadata"]["uid"]:
            del self.connections[name]
            self.version += 1
        return name

    def put_node(self, body: Body) -> bool:
        """Keep a node; return whether that makes a difference."""
        node = objects.cluster_node(body)
        before = self.nodes.get(node.name)
        if before == node or (before is not None and before.uid != node.uid and before.created > node.created):
            return False
        self.nodes[node.name] = node
        self.version += 1
        return True

    def drop_node(self, body: Body) -> bool:
        """Forget a node; return whether that makes a difference."""
        self._note(body)
        name = str(body["metadata"]["name"])
        if name not in self.nodes or self.nodes[name].uid != body["metadata"]["uid"]:
            return False
        del self.nodes[name]
        self.version += 1
        return True

    def put_pod(self, body: Body) -> bool:
        """Keep a pod; return whether that can make a difference."""
        known = objects.known_pod(body, self.root, self.agent_account)
        before = self.pods.get(known.pod.uid)
        if before == known:
            return False
        self.pods[known.pod.uid] = known
        return self._matters(known)

    def drop_pod(self, body: Body) -> bool:
        """Forget a pod; return whether that can make a difference."""
        self._note(body)
        known = self.pods.pop(str(body["metadata"]["uid"]), None)
        return known is not None and self._matters(known)

    def put_media_node(self, body: Body) -> str:
        """Keep a MediaNode; return its name."""
        node = objects.media_node(body)
        self.media_nodes[node.name] = node
        return node.name

    def drop_media_node(self, body: Body) -> str:
        """Forget a MediaNode; return its name."""
        self._note(body)
        name = str(body["metadata"]["name"])
        if name in self.media_nodes and self.media_nodes[name].uid == body["metadata"]["uid"]:
            del self.media_nodes[name]
        return name

    def put_network(self, body: Body) -> None:
        """Keep a MediaNetwork."""
        self.networks[str(body["metadata"]["name"])] = str(body["metadata"]["uid"])

    def drop_network(self, body: Body) -> None:
        """Forget a MediaNetwork."""
        self._note(body)
        self.networks.pop(str(body["metadata"]["name"]), None)

    def uids(self, plural: str) -> set[str]:
        """Return the uids of a watched kind."""
        return {uid for _, uid in self._named(plural)}

    def forget(self, plural: str, gone: Collection[str]) -> None:
        """Drop objects that turned out to be gone."""
        table = self._table(plural)
        for name, uid in self._named(plural):
            if uid in gone:
                del table[name]
        self.version += 1

    def settle(self) -> None:
        """Say that the world is complete."""
        self.gone.clear()
        self.complete = True

    def _note(self, body: Body) -> None:
        if not self.complete:
            self.gone.add(str(body["metadata"]["uid"]))

    def sizes(self) -> dict[str, int]:
        """Return how many there are of each kind."""
        return {plural: len(self._table(plural)) for plural in _KINDS}

    def _named(self, plural: str) -> list[tuple[str, str]]:
        """Return key and uid of everything of a kind."""
        table = self._table(plural)
        return [(key, key if plural == "pods" else getattr(each, "uid", each)) for key, each in table.items()]

    def _table(self, plural: str) -> dict[str, Any]:
        tables: dict[str, dict[str, Any]] = {
            "mediaconnections": self.connections,
            "medianetworks": self.networks,
            "medianodes": self.media_nodes,
            "nodes": self.nodes,
            "pods": self.pods,
        }
        return tables[plural]

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
