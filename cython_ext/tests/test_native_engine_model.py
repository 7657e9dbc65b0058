"""The engine against a model of it in a few lines of Python: whatever is done in whatever order, both agree.

The model knows nothing of rings, slots and references. It says what waits for each sink, what each sink has in hand,
and what the source has sent that a `block` sink holds back.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from mediamesh_testing.waiting import wait_until
from native_peers import STAMP, Node, Policy, Sink, Source, acquire, stamp

from mediamesh_native.port import SinkFrame, SourceFrame

SOURCE_QUEUE = 4
SINK_QUEUE = 3
MOST_SINKS = 3
FRAMES = 1 + SOURCE_QUEUE + MOST_SINKS * SINK_QUEUE  # not one more than the sum of what everybody may have


@dataclass
class Expected:
    """What a sink should see, and the client that sees it."""

    client: Sink
    policy: Policy
    waiting: deque[int] = field(default_factory=deque)
    held: list[tuple[int, SinkFrame]] = field(default_factory=list)
    dropped: int = 0

    @property
    def is_full(self) -> bool:
        return len(self.waiting) + len(self.held) == SINK_QUEUE

    def is_given(self, number: int) -> None:
        if self.is_full:
            self.dropped += 1
            if not self.waiting:
                return
            self.waiting.popleft()
        self.waiting.append(number)


class EngineModel(RuleBasedStateMachine):
    """Rules are what clients and the hub do; the invariants are read from the engine after each."""

    numbers: ClassVar[st.SearchStrategy[int]] = st.integers(0, 100)

    def __init__(self) -> None:
        super().__init__()
        self.node = Node()
        self.flow = self.node.flow(frames=FRAMES, capacity=64)
        self.source: Source | None = None
        self.filling: list[SourceFrame] = []
        self.pending: deque[int] = deque()
        self.sinks: list[Expected] = []
        self.sent = 0
        self.passed: list[int] = []

    def teardown(self) -> None:
        with self.node:
            self.filling.clear()
            self.sinks.clear()

    @rule()
    @precondition(lambda self: self.source is None)
    def add_source(self) -> None:
        self.source = self.node.source(self.flow, SOURCE_QUEUE)

    @rule()
    @precondition(lambda self: self.source is not None)
    def remove_source(self) -> None:
        assert self.source is not None
        self.node.engine.remove(self.source.number)
        self.filling.clear()
        self.pending.clear()
        self.source.port.close()
        self.source = None

    @rule()
    @precondition(lambda self: self.source is not None and len(self.filling) + len(self.pending) < SOURCE_QUEUE)
    def acquire(self) -> None:
        assert self.source is not None
        self.filling.append(acquire(self.source))

    @rule(which=numbers)
    @precondition(lambda self: self.filling)
    def cancel(self, which: int) -> None:
        self.filling.pop(which % len(self.filling)).cancel()

    @rule(which=numbers)
    @precondition(lambda self: self.filling)
    def send(self, which: int) -> None:
        frame = self.filling.pop(which % len(self.filling))
        content = STAMP.pack(self.sent)
        memoryview(frame)[:8] = content
        frame.length, frame.metadata = 8, content
        frame.send()
        self.pending.append(self.sent)
        self.sent += 1
        self._pass_on()

    @rule(policy=st.sampled_from(["dropOldest", "block"]), newest=st.booleans())
    @precondition(lambda self: len(self.sinks) < MOST_SINKS)
    def add_sink(self, policy: Policy, newest: bool) -> None:
        client = self.node.sink(self.flow, SINK_QUEUE, policy, newest=newest)
        self.sinks.append(Expected(client, policy))
        if newest and self.passed:
            self.sinks[-1].waiting.append(self.passed[-1])

    @rule(which=numbers)
    @precondition(lambda self: self.sinks)
    def remove_sink(self, which: int) -> None:
        gone = self.sinks.pop(which % len(self.sinks))
        self.node.engine.remove(gone.client.number)
        gone.client.port.close()
        self._pass_on()

    @rule(which=numbers)
    @precondition(lambda self: self.sinks)
    def take(self, which: int) -> None:
        sink = self.sinks[which % len(self.sinks)]
        if not sink.waiting:
            assert sink.client.port.take() is None
            return
        wait_until(lambda: sink.client.port.wait(0), "a frame to be announced")
        frame = sink.client.port.take()
        assert frame is not None
        number = sink.waiting.popleft()
        assert stamp(frame) == number
        assert self.passed[frame.sequence] == number
        sink.held.append((number, frame))

    @rule(which=numbers, frame=numbers)
    @precondition(lambda self: any(sink.held for sink in self.sinks))
    def release(self, which: int, frame: int) -> None:
        holders = [sink for sink in self.sinks if sink.held]
        held = holders[which % len(holders)].held
        number, taken = held.pop(frame % len(held))
        assert stamp(taken) == number
        taken.release()
        self._pass_on()

    @rule(held=st.booleans())
    @precondition(lambda self: self.source is not None)
    def hold(self, held: bool) -> None:
        assert self.source is not None
        self.node.engine.hold(self.source.number, held)
        self.node.engine.hold(self.source.number, held=False)

    @rule()
    def stop_and_go(self) -> None:
        self.node.engine.freeze()
        self.node.engine.start()

    def _pass_on(self) -> None:
        while self.pending and not any(sink.policy == "block" and sink.is_full for sink in self.sinks):
            number = self.pending.popleft()
            self.passed.append(number)
            for sink in self.sinks:
                sink.is_given(number)

    @invariant()
    def the_engine_agrees(self) -> None:
        self._everything_passed_that_could()
        self._every_frame_is_somewhere()

    def _everything_passed_that_could(self) -> None:
        engine = self.node.engine
        wait_until(lambda: engine.flow_counters(self.flow.number).frames == len(self.passed), "all to be passed on")
        for sink in self.sinks:
            counters = engine.counters(sink.client.number)
            assert (counters.dropped, counters.occupancy) == (sink.dropped, len(sink.waiting) + len(sink.held))
        assert engine.events() == []

    def _every_frame_is_somewhere(self) -> None:
        live = set(self.passed[-1:])
        for sink in self.sinks:
            live |= {*sink.waiting, *(number for number, _ in sink.held)}
        posted = SOURCE_QUEUE if self.source else 0
        wait_until(lambda: self._posted() == posted, "the source to have all the frames that it may")
        assert self.node.free(self.flow) + posted + len(live) == FRAMES

    def _posted(self) -> int:
        return self.node.engine.counters(self.source.number).occupancy if self.source else 0


EngineModel.TestCase.settings = settings(max_examples=200, stateful_step_count=60, derandomize=True)
TestEngineAgainstItsModel = EngineModel.TestCase
