"""The agent: makes the hub be what is desired, and knows what it is.

One loop, level-triggered: every quarter of a second it compares what is desired with what the hub reports and sends
the whole plan if they differ; more often just after that, when somebody waits to hear what became of it. It keeps no
memory of events, so it does not matter whether the hub was started, adopted, restarted after a crash or replaced by a
successor. The plan's revision is the hub's own plus one, so an agent that restarts continues the count, and applying an
equal plan changes nothing.

What is desired comes from files (`mediamesh up`, see `local`) or from the operator (`node`).
"""

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mediamesh_agent.control import HubControl
from mediamesh_agent.errors import HubRefused, HubUnreachable
from mediamesh_agent.ledger import Ledger
from mediamesh_agent.picture import History, Picture, draw
from mediamesh_core.errors import MediameshError
from mediamesh_protos import hub_pb2, plan_pb2

TICK = 0.25
TICK_WHILE_FRESH = 0.05
FRESH = 2.0
"""Seconds for which a plan that the hub has taken is fresh: its applications attach then."""
RETRY = 5.0


class Desired(Protocol):
    """What the hub should be, and what is known of its having been told."""

    @property
    def plan(self) -> plan_pb2.NodePlan:
        """The newest plan, in force or not."""

    def refresh(self) -> bool:
        """Take in what is new; return whether there was anything. Raises a MediameshError if that is no plan."""

    def differs(self, observed: hub_pb2.Observed) -> bool:
        """Whether the hub is to be told `plan`."""

    def in_force(self, observed: hub_pb2.Observed) -> bool:
        """Whether `plan` is what the hub goes by."""

    def numbered(self, hubs_revision: int) -> plan_pb2.NodePlan:
        """Return the plan with the revision that follows the hub's."""

    def applied(self, revision: int) -> None:
        """Learn under which revision the hub has taken the plan."""


@dataclass(slots=True)
class Facts:
    """What the agent knows, for whoever shows it."""

    observed: hub_pb2.Observed | None = None
    ledger: Ledger = field(default_factory=Ledger)
    history: History = field(default_factory=History)
    hub_starts: int = 0
    errors: Sequence[hub_pb2.FlowError] = ()
    """Flows of the plan in force that could not be set up."""
    problems: dict[str, str] = field(default_factory=dict)
    """What is wrong right now, by subject: "plan", "hub" or a connection."""


class Agent:
    """Knows one hub and tells it what is desired."""

    def __init__(self, control: HubControl, desired: Desired, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.facts = Facts()
        self.desired = desired
        self.control = control
        self._clock = clock
        self._not_before = 0.0
        self._fresh_until = -math.inf
        self._soon = asyncio.Event()
        self._news = asyncio.Condition()

    def look(self) -> None:
        """Compare now, not at the next tick."""
        self._soon.set()

    def picture(self) -> Picture:
        """Return what is to be shown."""
        return draw(self.desired.plan, self.facts.observed, self.facts.history)

    async def news(self) -> None:
        """Wait for the next observation, or for its absence being noticed."""
        async with self._news:
            await self._news.wait()

    async def reconcile(self) -> None:
        """Compare and correct until cancelled."""
        while True:
            self._soon.clear()
            self._refresh()
            try:
                await self._compare(await self.control.observe())
            except HubUnreachable as error:
                self.hub_is_silent(error)
                await self.announce(None)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._soon.wait()

    def _pause(self) -> float:
        return TICK_WHILE_FRESH if self._clock() < self._fresh_until else TICK

    def hub_is_silent(self, error: HubUnreachable) -> None:
        """Take note that no hub answers."""
        self.facts.problems["hub"] = error.message

    def hub_answers(self) -> None:
        """Take note that it does."""
        self.facts.problems.pop("hub", None)

    async def announce(self, observed: hub_pb2.Observed | None) -> None:
        """Let everybody know what the hub is now; None: it does not answer."""
        self.facts.observed = observed
        if observed is not None:
            self.facts.ledger.update(observed)
            self.facts.history.add(observed, self.facts.ledger)
        async with self._news:
            self._news.notify_all()

    async def _compare(self, observed: hub_pb2.Observed) -> None:
        self.hub_answers()
        failed = bool(self.facts.errors) and self.desired.in_force(observed)
        if (failed or self.desired.differs(observed)) and self._clock() >= self._not_before:
            await self._apply(self.desired.numbered(observed.revision))
        await self.announce(observed)

    async def _apply(self, plan: plan_pb2.NodePlan) -> None:
        """Send the plan; what fails now is tried again later, or when there is another plan."""
        try:
            applied = await self.control.apply(plan)
        except HubRefused as error:
            self._not_before = self._clock() + RETRY
            self.facts.problems["plan"] = f"the hub refuses the plan: {error.message}"
            return
        self.desired.applied(applied.revision)
        self._fresh_until = self._clock() + FRESH
        self.facts.errors = tuple(applied.errors)
        self._not_before = self._clock() + RETRY if applied.errors else 0.0
        kept = {subject: text for subject, text in self.facts.problems.items() if subject == "plan"}
        self.facts.problems = kept | {error.connection: error.message for error in applied.errors}
        self.look()

    def _refresh(self) -> None:
        try:
            if self.desired.refresh():
                self._not_before = 0.0
                self.facts.problems.pop("plan", None)
        except MediameshError as error:
            self.facts.problems["plan"] = error.message
