"""What should be and what is, by connection: the newest plans, and the newest that each node has said of them.

Derived anew from the world and the sessions; what is kept from one look to the next only serves to tell what has
changed, so that nobody looks at a thousand connections because of one.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from mediamesh_core.plan import NodePlan
from mediamesh_core.planner import Planner, Plans, Verdict
from mediamesh_core.status import Observation, Rates
from mediamesh_operator.landscape import HEARING, planned, ready_nodes
from mediamesh_operator.observations import notable, observations
from mediamesh_operator.planmessages import PlanMessages
from mediamesh_operator.sessions import Sessions
from mediamesh_operator.world import World

INVALID: Final = "InvalidSpec"


@dataclass(slots=True)
class _View:
    """A node, by its reports."""

    rates: Rates = field(default_factory=Rates)
    seen: dict[str, Observation] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Changed:
    """What is to be looked at after a new plan."""

    connections: frozenset[str]
    """By full name."""
    nodes: frozenset[str]


class Outlook:
    """The plans and the reports, held against each other."""

    def __init__(self, world: World, sessions: Sessions, clock: Callable[[], float]) -> None:
        self._world = world
        self._sessions = sessions
        self._clock = clock
        self._hearing_until = float("-inf")
        self._basis: object = None
        self._planner = Planner()
        self._plans = Plans({}, {})
        self._messages = PlanMessages()
        self._digests: dict[str, str] = {}
        self._flows: dict[str, frozenset[str]] = {}
        self._views: dict[str, _View] = {}

    def begin(self) -> None:
        """Give agents from now on the time to come: a replica may have waited for days until it leads."""
        self._hearing_until = self._clock() + HEARING

    @property
    def beginning(self) -> bool:
        """Whether the leader has begun so lately that agents may not have come yet."""
        return self._clock() < self._hearing_until

    def connections_of(self, node: str) -> frozenset[str]:
        """Return the full names of the connections that a node's plan has."""
        return self._flows.get(node, frozenset())

    def verdict(self, name: str) -> Verdict | None:
        """Return what the planner says of a connection; None if there is no such connection."""
        connection = self._world.connections.get(name)
        if connection is None:
            return None
        if connection.spec is None:
            return Verdict(accepted=False, programmable=False, reason=INVALID, message=connection.problem)
        return self._plans.verdicts.get(name)

    def seen(self, name: str) -> Observation | None:
        """Return what its node says of a connection; None: nothing."""
        verdict = self.verdict(name)
        view = self._views.get(verdict.node) if verdict else None
        return view.seen.get(name) if view else None

    def plan(self) -> Changed | None:
        """Plan anew; return what is to be looked at. None: nothing changed that plans depend on."""
        ready = ready_nodes(self._world, self._sessions, beginning=self.beginning)
        basis = self._world.version, ready
        if basis == self._basis:
            return None
        before, self._basis = self._plans, basis
        self._plans = planned(self._planner, self._world, self._sessions, ready)
        verdicts = {
            name for name, verdict in self._plans.verdicts.items() if _other(verdict, before.verdicts.get(name))
        }
        nodes = self._take_messages()
        return Changed(frozenset(verdicts.union(*map(self.hear, nodes))), frozenset(nodes))

    def offer(self, nodes: Iterable[str]) -> None:
        """Offer the agents of these nodes their plans."""
        for node in nodes:
            session, message = self._sessions.get(node), self._messages.of(node)
            if session is not None and message is not None:
                session.offer(message)

    def hear(self, node: str) -> set[str]:
        """Take in what a node's agent has said; return the connections that are to be looked at."""
        heard, view = self._sessions.heard(node), self._views.setdefault(node, _View())
        before = view.seen
        if heard is None:
            del self._views[node]
            return set(before)
        if heard.report is None:
            return set()
        hub = heard.report.hub
        view.rates.update(hub.clock, {flow.connection: flow.frames for flow in hub.flows})
        wanted, digest = self.connections_of(node), self._digests.get(node, "")
        view.seen = observations(heard.report, wanted, digest, view.rates.rates)
        return {name for name, now in view.seen.items() if name not in before or notable(before[name], now)}

    def _take_messages(self) -> list[str]:
        """Make the plans' messages; return the nodes whose plan is another."""
        messages = self._messages.made_of(self._plans.nodes)
        digests = {node: message.digest for node, message in messages.items()}
        changed = [node for node, digest in digests.items() if self._digests.get(node) != digest]
        self._digests = digests
        self._flows = {node: _connections(plan) for node, plan in self._plans.nodes.items()}
        for gone in self._views.keys() - self._flows.keys():
            del self._views[gone]
        return changed


def _other(verdict: Verdict, before: Verdict | None) -> bool:
    return verdict is not before and verdict != before


def _connections(plan: NodePlan) -> frozenset[str]:
    return frozenset(flow.connection for flow in plan.flows)
