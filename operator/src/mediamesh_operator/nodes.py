"""MediaNodes: one for every node that an agent was ever heard of, owned by its Node, so that it goes with it.

What a node has is known when its agent begins; what it runs is its plan. Like all statuses this one is written only
when something in it has changed that is not a counter.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from mediamesh_core.kinds.node import MAX_CONNECTIONS, HubStatus, NodeStatus
from mediamesh_core.kinds.status import MAX_COUNT, Condition
from mediamesh_core.status.conditions import Finding, condition
from mediamesh_operator.objects import ClusterNode, MediaNode
from mediamesh_operator.outlook import Outlook
from mediamesh_operator.sessions import Heard, Sessions
from mediamesh_operator.world import World
from mediamesh_protos import agents_pb2, hub_pb2

GENERATION = 1  # of an object that has no spec, for as long as it lives
_READY = Finding("True", "Ready", "its agent is connected, and its hub answers")
_NO_AGENT = Finding("False", "NoAgent", "its agent is not connected; what runs there goes on")
_NOT_SAID = Finding("Unknown", "NotReported", "its agent has connected, and not said anything yet")


class Store(Protocol):
    """Writes MediaNodes."""

    async def write_media_node(self, name: str, owner_uid: str) -> None:
        """Make the MediaNode of a Node."""

    async def write_media_node_status(self, name: str, status: Mapping[str, Any]) -> None:
        """Make `status` the status of a MediaNode."""


def node_status(heard: Heard | None, connections: Collection[str], before: NodeStatus, now: datetime) -> NodeStatus:
    """Return what is to be said of a node; the status before, if nothing but counters has changed."""
    ready = condition("Ready", _finding(heard), _ready(before), generation=GENERATION, now=now)
    planned = {"flows": len(connections), "connections": tuple(sorted(connections)[:MAX_CONNECTIONS])}
    made = before.model_copy(update={"conditions": (ready,), **planned})
    if heard is not None:
        made = made.model_copy(update=_facts(heard.hello))
    if heard is not None and heard.report is not None and heard.report.HasField("hub"):
        made = made.model_copy(update={"hub": _hub(heard.report.hub)})
    return before if _uncounted(made) == _uncounted(before) else made


def _finding(heard: Heard | None) -> Finding:
    if heard is None:
        return _NO_AGENT
    if heard.report is None:
        return _NOT_SAID
    if not heard.report.HasField("hub"):
        return Finding("False", "NoHub", heard.report.problem or "its hub does not answer")
    return _READY


def _ready(before: NodeStatus) -> Condition | None:
    return next((each for each in before.conditions if each.type == "Ready"), None)


def _said(heard: Heard | None) -> tuple[object, ...] | None:
    """Return all that a status has of what an agent said, but for counters."""
    if heard is None or heard.report is None:
        return None if heard is None else (heard.hello,)
    hub, problem = heard.report.hub, heard.report.problem
    at_work = hub.version, hub.started, hub.handovers, hub.memory_limit_bytes
    return heard.hello, heard.report.HasField("hub"), problem, *at_work


def _facts(hello: agents_pb2.Hello) -> dict[str, Any]:
    facts = hello.facts
    return {
        "agent_version": hello.version[:253],
        "kernel": facts.kernel[:253],
        "cpus": facts.cpus,
        "memory_bytes": min(facts.memory_bytes, MAX_COUNT),
        "huge_pages_bytes": min(facts.huge_pages_bytes, MAX_COUNT),
        "sockets": facts.sockets if facts.sockets in ("hostPath", "csi") else "",
        "bridges": tuple(name[:63] for name in facts.bridges),
    }


def _hub(hub: hub_pb2.Observed) -> HubStatus:
    return HubStatus(
        version=hub.version[:253],
        started=_time(hub.started),
        handovers=hub.handovers,
        pool_bytes=min(hub.memory_bytes, MAX_COUNT),
        pool_bytes_limit=min(hub.memory_limit_bytes, MAX_COUNT),
    )


def _time(seconds: float) -> str | None:
    """Return a time of the epoch as RFC 3339; None for one that no calendar has."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds > 0 else None
    except (OverflowError, OSError, ValueError):
        return None


def _uncounted(status: NodeStatus) -> NodeStatus:
    return status.model_copy(update={"hub": status.hub.model_copy(update={"pool_bytes": 0})})


def _read(written: object) -> NodeStatus | None:
    try:
        return NodeStatus.model_validate(written)
    except ValueError:
        return None


def _object(status: NodeStatus) -> dict[str, Any]:
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)


@dataclass(slots=True)
class MediaNodes:
    """Writes the MediaNode of one node at a time."""

    world: World
    sessions: Sessions
    outlook: Outlook
    store: Store
    clock: Callable[[], datetime]
    _written: dict[str, tuple[MediaNode | None, MediaNode]] = field(default_factory=dict)
    """By name: the object before our last write, and what we made of it."""
    _settled: dict[str, tuple[object, ...]] = field(default_factory=dict)
    """By name: the grounds on which there was nothing to write. Agents report all the time, and mostly nothing new."""

    async def write(self, name: str) -> bool:
        """Write the MediaNode of a node if it is to be another; return whether it was."""
        node, known, heard = self.world.nodes.get(name), self._known(name), self.sessions.heard(name)
        if node is None or (heard is None and (known is None or self.outlook.beginning)):
            self._written.pop(name, None)
            self._settled.pop(name, None)
            return False
        grounds = node.uid, known, _said(heard), self.outlook.connections_of(name)
        if self._settled.get(name) == grounds:
            return False
        before = _read(known.status) if known else None
        now = node_status(heard, self.outlook.connections_of(name), before or NodeStatus(), self.clock())
        owned = known is not None and known.owner == node.uid
        if owned and now == before:
            self._settled[name] = grounds
            return False
        await self._apply(node, known, now, owned=owned)
        return True

    async def _apply(self, node: ClusterNode, known: MediaNode | None, now: NodeStatus, *, owned: bool) -> None:
        if not owned:
            await self.store.write_media_node(node.name, node.uid)
        await self.store.write_media_node_status(node.name, _object(now))
        made = MediaNode(node.name, known.uid if known else "", node.uid, _object(now))
        self._written[node.name] = self.world.media_nodes.get(node.name), made

    def _known(self, name: str) -> MediaNode | None:
        """Return the object as the API server has it: as it was told of, or, until it is, as we have written it."""
        told = self.world.media_nodes.get(name)
        before, written = self._written.get(name, (None, None))
        return written if written is not None and before is told else told
