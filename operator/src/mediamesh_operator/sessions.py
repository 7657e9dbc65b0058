"""The agents that are there: one session per node, its last report, and the plan it is to have.

A session is one stream of one agent. Of two agents of a node (a rolling upgrade runs both for a while) that of the
younger pod is served, whoever comes first; the other is told `Superseded` and may ask again. A plan is handed to a
session when the agent's hub has another one, and not again on the same stream: from then on the agent sees to it.

What a node said last counts for `GRACE` seconds after its stream has ended, since a stream ends at least once an hour
by design; so a status does not flicker.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from mediamesh_operator.errors import AgentRefused
from mediamesh_operator.identity import AgentIdentity
from mediamesh_protos import agents_pb2, plan_pb2

GRACE: Final = 15.0


@dataclass(slots=True, eq=False)
class Session:
    """One stream of one agent."""

    identity: AgentIdentity
    hello: agents_pb2.Hello
    report: agents_pb2.Report | None = None
    ending: "asyncio.Future[AgentRefused]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    """Done when the stream has to end, with the reason."""
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _next: plan_pb2.NodePlan | None = None
    _given: str = ""

    def offer(self, plan: plan_pb2.NodePlan) -> None:
        """Have the agent told `plan`, unless it has it."""
        if self.report is None or plan.digest == self._given:
            return
        if not self._given and plan.digest == self.report.hub.digest:
            self._given = plan.digest
            return
        self._given, self._next = plan.digest, plan
        self._news.set()

    async def next_plan(self) -> plan_pb2.NodePlan:
        """Wait for a plan to be sent; of several only the newest."""
        while self._next is None:
            self._news.clear()
            await self._news.wait()
        plan, self._next = self._next, None
        return plan

    def end(self, why: AgentRefused) -> None:
        """End the stream."""
        if not self.ending.done():
            self.ending.set_result(why)


@dataclass(frozen=True, slots=True)
class Heard:
    """What is known of a node's agent."""

    hello: agents_pb2.Hello
    report: agents_pb2.Report | None
    connected: bool


@dataclass(slots=True)
class _Past:
    hello: agents_pb2.Hello
    report: agents_pb2.Report | None
    until: float


class Sessions:
    """All of them; `created` tells when a pod was made (RFC 3339, "" if unknown), `changed` is told the node."""

    def __init__(
        self, clock: Callable[[], float], created: Callable[[str], str], changed: Callable[[str, float], None]
    ) -> None:
        self._clock = clock
        self._created = created
        self._changed = changed
        self._open: dict[str, Session] = {}
        self._past: dict[str, _Past] = {}

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Session]:
        return iter(tuple(self._open.values()))

    def get(self, node: str) -> Session | None:
        """Return the open session of a node."""
        return self._open.get(node)

    def open(self, identity: AgentIdentity, hello: agents_pb2.Hello) -> Session:
        """Make the agent the one of its node.

        Raises
        ------
        AgentRefused
            Superseded: that of a younger pod is served.
        """
        served = self._open.get(identity.node)
        if served is not None and self._age(served.identity) > self._age(identity):
            raise _superseded(served.identity)
        session = self._open[identity.node] = Session(identity, hello)
        if served is not None:
            self._remember(served)
            served.end(_superseded(identity))
        self._changed(identity.node, 0.0)
        return session

    def reported(self, session: Session, report: agents_pb2.Report) -> None:
        """Keep what an agent says; only of the session that is its node's."""
        if self._open.get(session.identity.node) is session:
            session.report = report
            self._past.pop(session.identity.node, None)
            self._changed(session.identity.node, 0.0)

    def close(self, session: Session) -> None:
        """Forget a session whose stream has ended."""
        node = session.identity.node
        if self._open.get(node) is session:
            del self._open[node]
            self._remember(session)
            self._changed(node, GRACE)

    def heard(self, node: str) -> Heard | None:
        """Return what is known of a node's agent now; None: there is none."""
        past = self._past.get(node)
        if past is not None and past.until <= self._clock():
            del self._past[node]
            past = None
        session = self._open.get(node)
        if session is not None:
            report = session.report or (past.report if past else None)
            return Heard(session.hello, report, connected=True)
        return Heard(past.hello, past.report, connected=False) if past else None

    def nodes_heard(self) -> set[str]:
        """Return the nodes of whose agents something is known now."""
        now = self._clock()
        return self._open.keys() | {node for node, past in self._past.items() if past.until > now}

    def _remember(self, session: Session) -> None:
        if session.report is not None:
            self._past[session.identity.node] = _Past(session.hello, session.report, self._clock() + GRACE)

    def _age(self, identity: AgentIdentity) -> tuple[str, str]:
        """Return what is greater for younger pods; one that nobody knows yet is the youngest."""
        return self._created(identity.pod_uid) or "~", identity.pod_uid


def _superseded(by: AgentIdentity) -> AgentRefused:
    return AgentRefused(f"the younger pod {by.pod_name} is the agent of {by.node}", reason="Superseded")
