"""Which reports are worth sending. Pure.

What is not a counter is told at once. Counters always change; the operator makes rates of them, and knows from the
last reports how fast they go. While they go on like that there is nothing to tell, but for a report now and then; a
rate that has changed is told as soon as if every look were. So a node at rest says little, and an operator of hundreds
has time for those of which there is something to know.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from mediamesh_agent.node.report import state
from mediamesh_core.status import NOTABLE, Rates
from mediamesh_protos import agents_pb2

LOOK_EVERY: Final = 5.0
"""Seconds between two looks whether there is something to tell, where nothing but counters changes."""
LONGEST: Final = 15.0
"""Seconds between two reports, at most, where nobody says otherwise."""
_JITTER: Final = 2
"""Frames that a flow may be ahead or behind at any rate: frames come one by one."""


@dataclass(slots=True)
class Cadence:
    """What the operator has been told; `now` is seconds of one monotonic clock."""

    longest: float = LONGEST
    _sent: float = 0.0
    _state: bytes | None = None
    _rates: Rates = field(default_factory=Rates)
    """As the operator has them."""

    def sent(self, report: agents_pb2.Report, now: float) -> None:
        """Note what has been told."""
        self._sent, self._state = now, state(report)
        self._rates.update(report.hub.clock, _frames(report))

    def due(self, report: agents_pb2.Report, now: float) -> bool:
        """Whether there is something to tell."""
        return now - self._sent >= self.longest or state(report) != self._state or self._moved(report)

    def _moved(self, report: agents_pb2.Report) -> bool:
        """Whether a flow has no rate yet, or another than it had."""
        passed = report.hub.clock - self._rates.clock
        return any(not self._expected(name, count, passed) for name, count in _frames(report).items())

    def _expected(self, name: str, frames: int, passed: float) -> bool:
        rate = self._rates.rates.get(name)
        if rate is None:
            return False
        more = rate * passed
        return abs(frames - self._rates.frames[name] - more) <= max(_JITTER, NOTABLE * more)


def _frames(report: agents_pb2.Report) -> Mapping[str, int]:
    return {flow.connection: flow.frames for flow in report.hub.flows}
