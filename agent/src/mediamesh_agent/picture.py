"""What people are shown: the plan and the observations, merged into one picture.

Pure: a picture is made from what was planned (so that a part that is missing is shown as missing), what the hub
says, and the totals of the last seconds. The page, the terminal and the demo's summary all read the same
picture. Rates are taken over about a second, latencies over about five, so that a figure on the screen can be
read before it changes.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from mediamesh_agent.ledger import Counted, FlowCounted, Key, Ledger
from mediamesh_core.states import BridgeState
from mediamesh_native.latency import percentile, upper_bound
from mediamesh_protos import hub_pb2, plan_pb2

RATE_WINDOW: Final = 1.0
LATENCY_WINDOW: Final = 5.0

PartState = Literal["Flowing", "Idle", "Waiting", "HeldBack"] | BridgeState


@dataclass(frozen=True, slots=True)
class Latency:
    """Send to receive, in nanoseconds; the upper bounds of the histogram's buckets."""

    p50: int
    p99: int
    max: int


@dataclass(frozen=True, slots=True)
class Part:
    """A source or a sink: an application's endpoint or a bridge."""

    connection: str
    endpoint: str
    role: Literal["source", "sink"]
    kind: str
    state: PartState
    detail: str
    client: str
    pids: tuple[int, ...]
    attachments: int
    rate: float
    megabits: float
    frames: int
    received: int
    dropped: int
    damaged: int
    latency: Latency | None
    occupancy: int
    queue: int
    policy: str
    reattached: int
    restarts: int


@dataclass(frozen=True, slots=True)
class FlowPicture:
    """One connection's flow."""

    connection: str
    state: str
    detail: str
    payload: str
    rate: float
    megabits: float
    frames: int
    bytes: int
    pool_frames: int
    pool_free: int
    pool_bytes: int
    pool_generation: int
    sealed: bool
    source: Part
    sinks: tuple[Part, ...]

    @property
    def parts(self) -> tuple[Part, ...]:
        """The source, then the sinks."""
        return (self.source, *self.sinks)


@dataclass(frozen=True, slots=True)
class HubPicture:
    """The data plane's process."""

    pid: int
    version: str
    revision: int
    started: float
    cpu: float
    memory_bytes: int
    memory_limit_bytes: int
    bytes_copied: int
    handovers: int


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything, at one moment."""

    hub: HubPicture | None
    flows: tuple[FlowPicture, ...]

    def part(self, connection: str, endpoint: str) -> Part | None:
        """Return the part of that name, if the plan has it."""
        wanted = (connection, endpoint)
        parts = (part for flow in self.flows for part in flow.parts)
        return next((part for part in parts if (part.connection, part.endpoint) == wanted), None)


@dataclass(frozen=True, slots=True)
class _Moment:
    clock: float
    engine_cpu: float
    endpoints: Mapping[Key, Counted]
    flows: Mapping[str, FlowCounted]
    full: frozenset[Key]
    """Sinks that sources waited for at this moment."""


@dataclass(slots=True)
class History:
    """The totals of the last seconds."""

    _moments: deque[_Moment] = field(default_factory=deque)

    def add(self, observed: hub_pb2.Observed, ledger: Ledger) -> None:
        """Remember this moment; forget what lies further back than any window."""
        full = frozenset((flow.connection, sink) for flow in observed.flows for sink in flow.held_back_by)
        moment = _Moment(observed.clock, observed.engine_cpu_seconds, ledger.endpoints(), ledger.flows(), full)
        self._moments.append(moment)
        while len(self._moments) > 2 and self._moments[1].clock <= moment.clock - LATENCY_WINDOW:
            self._moments.popleft()

    def ago(self, seconds: float) -> _Moment:
        """Return the newest moment that is at least `seconds` old, else the oldest."""
        limit = self.now.clock - seconds
        older = [moment for moment in self._moments if moment.clock <= limit]
        return older[-1] if older else self._moments[0]

    def since(self, seconds: float) -> list[_Moment]:
        """Return all moments from `ago(seconds)` on."""
        first = self.ago(seconds).clock
        return [moment for moment in self._moments if moment.clock >= first]

    @property
    def now(self) -> _Moment:
        """The last moment."""
        return self._moments[-1]

    @property
    def empty(self) -> bool:
        """Whether nothing was ever observed."""
        return not self._moments


def draw(plan: plan_pb2.NodePlan, observed: hub_pb2.Observed | None, history: History) -> Picture:
    """Merge plan, observation and history; `observed` is None while no hub answers."""
    if observed is None or history.empty:
        empty = hub_pb2.Observed()
        return Picture(None, tuple(_flow(flow, empty, None) for flow in plan.flows))
    full = frozenset.intersection(*(moment.full for moment in history.since(RATE_WINDOW)))
    rates = _Rates(history.now, history.ago(RATE_WINDOW), history.ago(LATENCY_WINDOW), full)
    return Picture(_hub(observed, rates), tuple(_flow(flow, observed, rates) for flow in plan.flows))


@dataclass(frozen=True, slots=True)
class _Rates:
    now: _Moment
    second: _Moment
    window: _Moment
    full: frozenset[Key]

    def held_back_by(self, connection: str) -> tuple[str, ...]:
        """Return the sinks that the source waited for all the second long: a moment's wait is the policy at work."""
        return tuple(sorted(sink for flow, sink in self.full if flow == connection))

    def per_second(self, difference: float) -> float:
        elapsed = self.now.clock - self.second.clock
        return max(0.0, difference / elapsed) if elapsed > 0 else 0.0

    def endpoint(self, key: Key) -> Counted:
        return self.now.endpoints.get(key, Counted())

    def flow(self, name: str) -> FlowCounted:
        return self.now.flows.get(name, FlowCounted())

    def frame_rate(self, key: Key, role: str) -> float:
        now, then = self.endpoint(key), self.second.endpoints.get(key, Counted())
        return self.per_second(now.frames - then.frames if role == "source" else now.received - then.received)

    def flow_rate(self, name: str) -> tuple[float, float]:
        now, then = self.flow(name), self.second.flows.get(name, FlowCounted())
        return self.per_second(now.frames - then.frames), self.per_second(now.bytes - then.bytes) * 8 / 1e6

    def latency(self, key: Key) -> Latency | None:
        return summary(self.endpoint(key).since(self.window.endpoints.get(key, Counted())).latency)


def summary(histogram: Sequence[int]) -> Latency | None:
    """Return the percentiles of a latency histogram, None if nothing is in it."""
    middle, high = percentile(histogram, 0.5), percentile(histogram, 0.99)
    if middle is None or high is None:
        return None
    longest = max(bucket for bucket, count in enumerate(histogram) if count)
    return Latency(middle, high, upper_bound(longest))


def _hub(observed: hub_pb2.Observed, rates: _Rates) -> HubPicture:
    return HubPicture(
        pid=observed.pid,
        version=observed.version,
        revision=observed.revision,
        started=observed.started,
        cpu=rates.per_second(rates.now.engine_cpu - rates.second.engine_cpu),
        memory_bytes=observed.memory_bytes,
        memory_limit_bytes=observed.memory_limit_bytes,
        bytes_copied=observed.bytes_copied,
        handovers=observed.handovers,
    )


def _flow(plan: plan_pb2.FlowPlan, observed: hub_pb2.Observed, rates: _Rates | None) -> FlowPicture:
    found = next((flow for flow in observed.flows if flow.connection == plan.connection), hub_pb2.ObservedFlow())
    bridges = {bridge.endpoint: bridge for bridge in observed.bridges if bridge.connection == plan.connection}
    totals = rates.flow(plan.connection) if rates else FlowCounted()
    rate, megabits = rates.flow_rate(plan.connection) if rates else (0.0, 0.0)
    size = totals.bytes / totals.frames if totals.frames else 0.0
    held_back_by = rates.held_back_by(plan.connection) if rates else ()
    scene = _Scene(plan.connection, found, bridges, rates, size, held_back_by)
    return FlowPicture(
        connection=plan.connection,
        state=found.state or "Waiting",
        detail=found.message,
        payload=plan.payload,
        rate=rate,
        megabits=megabits,
        frames=totals.frames,
        bytes=totals.bytes,
        pool_frames=found.pool_frames,
        pool_free=found.pool_free,
        pool_bytes=found.pool_bytes,
        pool_generation=found.pool_generation,
        sealed=found.sealed,
        source=scene.part(plan.source.name, "source", plan.source.endpoint.kind, plan.source.queue, ""),
        sinks=tuple(scene.part(sink.name, "sink", sink.endpoint.kind, sink.queue, sink.policy) for sink in plan.sinks),
    )


@dataclass(frozen=True, slots=True)
class _Scene:
    """What one flow's parts are drawn from."""

    connection: str
    flow: hub_pb2.ObservedFlow
    bridges: Mapping[str, hub_pb2.ObservedBridge]
    rates: _Rates | None
    frame_size: float
    held_back_by: tuple[str, ...]

    def part(self, name: str, role: Literal["source", "sink"], kind: str, queue: int, policy: str) -> Part:
        attached = [entry for entry in self.flow.attachments if entry.endpoint == name]
        bridge = self.bridges.get(name)
        key = (self.connection, name)
        totals = self.rates.endpoint(key) if self.rates else Counted()
        rate = self.rates.frame_rate(key, role) if self.rates else 0.0
        held = f"held back by {', '.join(self.held_back_by)}" if role == "source" and self.held_back_by else ""
        fullest = max(attached, key=lambda entry: entry.occupancy / max(entry.queue, 1), default=None)
        return Part(
            connection=self.connection,
            endpoint=name,
            role=role,
            kind=kind,
            state="HeldBack" if held else _state(bridge, attached=bool(attached), flowing=rate > 0),
            detail=held or (bridge.last_error if bridge else ""),
            client=bridge.bridge if bridge else ", ".join(sorted({entry.client for entry in attached})),
            pids=tuple(
                sorted(
                    {entry.pid for entry in attached if entry.pid} | ({bridge.pid} if bridge and bridge.pid else set())
                )
            ),
            attachments=len(attached),
            rate=rate,
            megabits=rate * self.frame_size * 8 / 1e6,
            frames=totals.frames,
            received=totals.received,
            dropped=totals.dropped,
            damaged=totals.damaged,
            latency=self.rates.latency(key) if self.rates and role == "sink" else None,
            occupancy=fullest.occupancy if fullest else 0,
            queue=fullest.queue if fullest else queue,
            policy=policy,
            reattached=totals.reattached,
            restarts=bridge.restarts if bridge else 0,
        )


def _state(bridge: hub_pb2.ObservedBridge | None, *, attached: bool, flowing: bool) -> PartState:
    if attached:
        return "Flowing" if flowing else "Idle"
    if bridge is None:
        return "Waiting"
    return BridgeState(bridge.state)
