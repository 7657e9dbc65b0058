"""From what an agent reports to what a status is made of, one connection at a time.

Rates are of the last stretch of at least `STRETCH` seconds by the hub's own clock, so it does not matter when reports
arrive. `essence` is an observation without what changes all the time: two reports of a flow that just flows have the
same, and nobody need look at it again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from mediamesh_core.status import Observation, SeenAttachment, SeenBridge, rate_between
from mediamesh_protos import agents_pb2, hub_pb2

STRETCH: Final = 4.0
_POD_FOLDER: Final = "pods/"
_MOST: Final = 2**40
"""Frames of one attachment; all of an endpoint together must fit into a status, whatever an agent says."""
_NOTABLE: Final = 0.02
"""Share by which a rate has to change before anybody looks."""


@dataclass(slots=True)
class Rates:
    """Frames per second of a node's flows, from one report to the next."""

    _clock: float = 0.0
    _frames: Mapping[str, int] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)

    def update(self, hub: hub_pb2.Observed) -> None:
        """Take the counters of a report."""
        passed = hub.clock - self._clock
        if 0 <= passed < STRETCH:
            return
        before, frames = self._frames, {flow.connection: flow.frames for flow in hub.flows}
        found = {
            name: rate_between(before[name], self._clock, count, hub.clock)
            for name, count in frames.items()
            if name in before
        }
        self.rates = {name: rate for name, rate in found.items() if rate is not None}
        self._clock, self._frames = hub.clock, frames


def observations(
    report: agents_pb2.Report, wanted: Iterable[str], digest: str, rates: Mapping[str, float]
) -> dict[str, Observation]:
    """Return what a node says of each wanted connection; `digest` is that of the plan which it should have."""
    hub = report.hub
    blank = Observation(in_force=bool(digest) and hub.digest == digest, problem=report.problem)
    flows = {flow.connection: flow for flow in hub.flows}
    errors = {error.connection: error for error in report.errors}
    bridges, ended = _bridges(hub.bridges), _ended(hub.ended)
    found = {}
    for name in wanted:
        seen = blank
        if (flow := flows.get(name)) is not None:
            seen = replace(seen, state=flow.state, rate=rates.get(name), attachments=_attachments(flow))
        if (error := errors.get(name)) is not None:
            seen = replace(seen, reason=error.reason or "Failed", message=error.message)
        found[name] = replace(seen, bridges=tuple(bridges.get(name, ())), ended=ended.get(name, {}))
    return found


def essence(seen: Observation) -> Observation:
    """Return an observation without counters and rate."""
    attached = sorted((each.endpoint, each.pod_uid) for each in seen.attachments)
    return replace(seen, rate=None, attachments=tuple(SeenAttachment(*each) for each in attached))


def notable(before: Observation, now: Observation) -> bool:
    """Whether somebody should look at what has changed."""
    if (before.rate is None) != (now.rate is None) or essence(before) != essence(now):
        return True
    return before.rate is not None and now.rate is not None and abs(now.rate - before.rate) > _NOTABLE * before.rate


def _attachments(flow: hub_pb2.ObservedFlow) -> tuple[SeenAttachment, ...]:
    return tuple(
        SeenAttachment(each.endpoint, _pod_uid(each.folder), min(each.frames, _MOST), min(each.dropped, _MOST))
        for each in flow.attachments
    )


def _pod_uid(folder: str) -> str:
    return folder.removeprefix(_POD_FOLDER) if folder.startswith(_POD_FOLDER) else ""


def _bridges(bridges: Iterable[hub_pb2.ObservedBridge]) -> dict[str, list[SeenBridge]]:
    found: dict[str, list[SeenBridge]] = {}
    for each in bridges:
        found.setdefault(each.connection, []).append(SeenBridge(each.endpoint, each.state, each.last_error))
    return found


def _ended(ends: Iterable[hub_pb2.ObservedEnd]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for each in ends:
        found.setdefault(each.connection, {})[each.endpoint] = each.message
    return found
