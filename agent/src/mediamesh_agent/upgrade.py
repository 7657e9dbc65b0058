"""`mediamesh up --upgrade`: a fresh hub in the place of the running one, and the proof that nothing was lost.

Where an agent runs it does the work, asked through its unix socket, so that it goes on supervising. Where only a
hub runs (its agent was killed), the successor is started from here and is left running alike.

The proof is in the hub's own counts, which go on through the hand-over: every frame that a flow has taken
since was also given to each of its sinks, or was dropped there by policy, and the numbers of the frames have no gap.
"""

import dataclasses
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp

from mediamesh_agent import hubprocess
from mediamesh_agent.control import HubControl
from mediamesh_agent.errors import HandoverFailed, HubDidNotStart, NoAgentRuns
from mediamesh_agent.folder import AGENT_SOCKET
from mediamesh_agent.hubprocess import HubProcess, HubSettings
from mediamesh_protos import hub_pb2

START_DEADLINE = 20.0
END_DEADLINE = 15.0
_OBSERVATIONS = 5


@dataclass(frozen=True, slots=True)
class FlowReport:
    """One flow across a hand-over."""

    connection: str
    frames_before: int
    frames_after: int
    lost: int
    """Frames that have a number but never came, or that a sink was not given."""


@dataclass(frozen=True, slots=True)
class UpgradeReport:
    """What a hand-over did."""

    pid_before: int
    pid_after: int
    seconds: float
    flows: tuple[FlowReport, ...]

    @property
    def lost(self) -> int:
        """Frames lost in all flows."""
        return sum(flow.lost for flow in self.flows)

    def to_json(self) -> dict[str, object]:
        """Return it for the agent's socket and the page."""
        return {**dataclasses.asdict(self), "summary": self.summary()}

    @classmethod
    def from_json(cls, report: dict[str, Any]) -> "UpgradeReport":
        """Read what `to_json` gave."""
        flows = tuple(FlowReport(**flow) for flow in report["flows"])
        return cls(report["pid_before"], report["pid_after"], report["seconds"], flows)

    def facts(self) -> dict[str, object]:
        """Return it as `--json` shows it."""
        flows = [
            {
                "connection": flow.connection,
                "framesBefore": flow.frames_before,
                "framesAfter": flow.frames_after,
                "lost": flow.lost,
            }
            for flow in self.flows
        ]
        pids = {"pidBefore": self.pid_before, "pidAfter": self.pid_after}
        return {**pids, "seconds": self.seconds, "lost": self.lost, "flows": flows}

    def summary(self) -> str:
        """Return one line for people."""
        took = f"hub {self.pid_before} handed over to hub {self.pid_after} in {self.seconds * 1000:.0f} ms"
        return f"{took}, {self.lost} frames lost"

    def lines(self) -> Iterator[str]:
        """Yield the report for a terminal."""
        yield self.summary()
        for flow in self.flows:
            frames = f"{flow.frames_before} frames before, {flow.frames_after} after"
            yield f"  {flow.connection}: {frames}, {flow.lost} lost"


def report(before: Sequence[hub_pb2.Observed], after: Sequence[hub_pb2.Observed], seconds: float) -> UpgradeReport:
    """Compare what two hubs observed, each several times.

    Counters that are read one after the other, while frames flow, can disagree by a frame that was counted in
    between: a sink then seems to have been given one more. What is missing is therefore the most that any
    observation says.
    """
    missing = _most_missing(after)
    missing.subtract(_most_missing(before))
    missing.subtract(_drops(after[-1]))
    missing.update(_drops(before[-1]))
    earlier = {flow.connection: flow for flow in before[-1].flows}
    pairs = [(earlier[flow.connection], flow) for flow in after[-1].flows if flow.connection in earlier]
    flows = (FlowReport(old.connection, old.frames, new.frames, _lost(old, new, missing)) for old, new in pairs)
    return UpgradeReport(before[-1].pid, after[-1].pid, seconds, tuple(flows))


def _lost(before: hub_pb2.ObservedFlow, after: hub_pb2.ObservedFlow, missing: Counter[int]) -> int:
    unnumbered = (after.next_sequence - before.next_sequence) - (after.frames - before.frames)
    stayed = {one.attachment for one in before.attachments} & {one.attachment for one in after.attachments}
    return max(0, unnumbered) + sum(max(0, missing[number]) for number in stayed)


def _most_missing(observations: Sequence[hub_pb2.Observed]) -> Counter[int]:
    """Return how many frames each sink has not been given since its flow began, by attachment."""
    most: Counter[int] = Counter()
    for observed in observations:
        for flow, sink in _sinks(observed):
            most[sink.attachment] = max(most.get(sink.attachment, 0), flow.frames - sink.frames)
    return most


def _drops(observed: hub_pb2.Observed) -> Counter[int]:
    return Counter({sink.attachment: sink.dropped for _, sink in _sinks(observed)})


def _sinks(observed: hub_pb2.Observed) -> Iterator[tuple[hub_pb2.ObservedFlow, hub_pb2.ObservedAttachment]]:
    return ((flow, one) for flow in observed.flows for one in flow.attachments if one.role == "sink")


async def hand_over(settings: HubSettings, control: HubControl) -> tuple[HubProcess, UpgradeReport]:
    """Start a successor of the hub that runs; return it, once it answers in the hub's place, with the report.

    Raises
    ------
    HandoverFailed
        The old hub goes on as before.
    """
    before = [await control.observe() for _ in range(_OBSERVATIONS)]
    began = time.monotonic()
    successor = HubProcess.start(settings, take_over=True)
    try:
        await hubprocess.answering(successor, control, settings, START_DEADLINE)
    except BaseException as error:
        await hubprocess.abandon(successor)
        if not isinstance(error, HubDidNotStart):
            raise
        words = "; ".join(filter(None, (error.message, hubprocess.last_words(settings))))
        raise HandoverFailed(f"the old hub goes on: {words}") from error
    took = time.monotonic() - began
    after = [await control.observe() for _ in range(_OBSERVATIONS)]
    return successor, report(before, after, took)


async def ask_for_upgrade(settings: HubSettings) -> UpgradeReport:
    """Ask the agent of the folder; without one, hand over from here.

    Raises
    ------
    NoAgentRuns
        Nothing runs there.
    HandoverFailed
        The old hub goes on as before.
    """
    connector = aiohttp.UnixConnector(str(settings.root / AGENT_SOCKET))
    try:
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.post("http://agent/api/upgrade") as got,
        ):
            answer = await got.json()
    except aiohttp.ClientConnectionError:
        return await _without_agent(settings)
    if got.status != HTTPStatus.OK:
        raise HandoverFailed(answer["message"], reason=answer["reason"])
    return UpgradeReport.from_json(answer)


async def _without_agent(settings: HubSettings) -> UpgradeReport:
    control = HubControl(settings.socket)
    predecessor = await hubprocess.adopt(control)
    if predecessor is None:
        raise NoAgentRuns(f"neither `mediamesh up` nor a hub runs on {settings.root}")
    try:
        successor, done = await hand_over(settings, control)
        await predecessor.end(END_DEADLINE)
        successor.release()
    finally:
        await control.close()
        predecessor.release()
    return done
