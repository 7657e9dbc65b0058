"""Totals per endpoint that only grow.

The hub counts per attachment, and an attachment ends: its process is restarted, the hub itself dies. A metric
that is the sum over what is attached *now* would fall each time. The ledger remembers the last count of every
attachment it has seen; when one disappears, or its counters begin again, that count moves into the endpoint's
base. What an attachment did between the last observation and its end (a quarter of a second) is not seen.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, NewType

from mediamesh_native.latency import BUCKETS
from mediamesh_protos import hub_pb2

Key = tuple[str, str]
"""Connection and endpoint."""

AttachmentNumber = NewType("AttachmentNumber", int)


class Counted(NamedTuple):
    """Counters of one attachment, or their sum over an endpoint's attachments past and present."""

    frames: int = 0
    bytes: int = 0
    received: int = 0
    dropped: int = 0
    damaged: int = 0
    reattached: int = 0
    latency: tuple[int, ...] = (0,) * BUCKETS

    def plus(self, other: "Counted") -> "Counted":
        """Return the sum, histogram included."""
        return Counted(
            self.frames + other.frames,
            self.bytes + other.bytes,
            self.received + other.received,
            self.dropped + other.dropped,
            self.damaged + other.damaged,
            self.reattached + other.reattached,
            tuple(map(int.__add__, self.latency, other.latency)),
        )

    def since(self, earlier: "Counted") -> "Counted":
        """Return what was added after `earlier`."""
        return Counted(
            self.frames - earlier.frames,
            self.bytes - earlier.bytes,
            self.received - earlier.received,
            self.dropped - earlier.dropped,
            self.damaged - earlier.damaged,
            self.reattached - earlier.reattached,
            tuple(map(int.__sub__, self.latency, earlier.latency)),
        )


class FlowCounted(NamedTuple):
    """Counters of one flow."""

    frames: int = 0
    bytes: int = 0


class EndKey(NamedTuple):
    """What ended attachments are counted by."""

    connection: str
    endpoint: str
    reason: str


def _counted(attachment: hub_pb2.ObservedAttachment) -> Counted:
    latency = tuple(attachment.latency) or (0,) * BUCKETS
    return Counted(
        attachment.frames,
        attachment.bytes,
        attachment.received,
        attachment.dropped,
        attachment.damaged,
        attachment.reattached,
        latency,
    )


@dataclass(slots=True)
class Ledger:
    """Everything ever counted under this agent, by endpoint, flow and reason."""

    _past: dict[Key, Counted] = field(default_factory=dict)
    _present: dict[AttachmentNumber, tuple[Key, Counted]] = field(default_factory=dict)
    _past_flows: dict[str, FlowCounted] = field(default_factory=dict)
    _present_flows: dict[str, FlowCounted] = field(default_factory=dict)
    _past_ends: dict[EndKey, int] = field(default_factory=dict)
    _present_ends: dict[EndKey, int] = field(default_factory=dict)

    def update(self, observed: hub_pb2.Observed) -> None:
        """Take in one observation."""
        self._update_attachments(dict(_attachments(observed.flows)))
        self._update_flows({flow.connection: FlowCounted(flow.frames, flow.bytes) for flow in observed.flows})
        self._update_ends(_ends(observed.ended))

    def endpoints(self) -> dict[Key, Counted]:
        """Return the totals of every endpoint seen."""
        totals = dict(self._past)
        for key, counted in self._present.values():
            totals[key] = totals.get(key, Counted()).plus(counted)
        return totals

    def flows(self) -> dict[str, FlowCounted]:
        """Return the totals of every flow seen."""
        names = self._past_flows.keys() | self._present_flows.keys()
        return {name: _flow_sum(self._past_flows.get(name), self._present_flows.get(name)) for name in names}

    def ends(self) -> dict[EndKey, int]:
        """Return how many attachments ended badly, by endpoint and reason."""
        keys = self._past_ends.keys() | self._present_ends.keys()
        return {key: self._past_ends.get(key, 0) + self._present_ends.get(key, 0) for key in keys}

    def _update_attachments(self, seen: Mapping[AttachmentNumber, tuple[Key, Counted]]) -> None:
        for number, (key, last) in self._present.items():
            now = seen.get(number)
            if now is None or now[0] != key or _began_again(last, now[1]):
                self._past[key] = self._past.get(key, Counted()).plus(last)
        self._present = dict(seen)

    def _update_flows(self, seen: Mapping[str, FlowCounted]) -> None:
        for name, last in self._present_flows.items():
            now = seen.get(name)
            if now is None or now.frames < last.frames:
                self._past_flows[name] = _flow_sum(self._past_flows.get(name), last)
        self._present_flows = dict(seen)

    def _update_ends(self, seen: Mapping[EndKey, int]) -> None:
        """Take in the hub's list of the last ends; a reason that fell off its far side keeps its count."""
        for key, now in seen.items():
            last = self._present_ends.get(key, 0)
            if now < last:
                self._past_ends[key] = self._past_ends.get(key, 0) + last
            self._present_ends[key] = now


def _attachments(flows: Iterable[hub_pb2.ObservedFlow]) -> Iterator[tuple[AttachmentNumber, tuple[Key, Counted]]]:
    for flow in flows:
        for attachment in flow.attachments:
            yield (
                AttachmentNumber(attachment.attachment),
                ((flow.connection, attachment.endpoint), _counted(attachment)),
            )


def _ends(ended: Iterable[hub_pb2.ObservedEnd]) -> dict[EndKey, int]:
    counts: dict[EndKey, int] = {}
    for end in ended:
        key = EndKey(end.connection, end.endpoint, end.reason)
        counts[key] = max(counts.get(key, 0), end.count)
    return counts


def _began_again(last: Counted, now: Counted) -> bool:
    return now.frames < last.frames or now.received < last.received


def _flow_sum(one: FlowCounted | None, other: FlowCounted | None) -> FlowCounted:
    first, second = one or FlowCounted(), other or FlowCounted()
    return FlowCounted(first.frames + second.frames, first.bytes + second.bytes)
