"""From what an agent reports to what a status is made of, one connection at a time.

An observation has an essence without what changes all the time: two reports of a flow that just flows have the
same, and nobody need look at it again.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from mediamesh_core.status import NOTABLE, Observation, SeenAttachment, SeenBridge
from mediamesh_protos import agents_pb2, hub_pb2

_POD_FOLDER: Final = "pods/"
_MOST: Final = 2**40
"""Frames of one attachment; all of an endpoint together must fit into a status, whatever an agent says."""


def observations(
    report: agents_pb2.Report, wanted: Iterable[str], digest: str, rates: Mapping[str, float]
) -> dict[str, Observation]:
    """Return what a node says of each wanted connection; `digest` is that of the plan which it should have."""
    hub = report.hub
    in_force, problem = bool(digest) and hub.digest == digest, report.problem
    flows = {flow.connection: flow for flow in hub.flows}
    errors = {error.connection: error for error in report.errors}
    bridges, ended = _bridges(hub.bridges), _ended(hub.ended)

    def observation(name: str) -> Observation:
        flow, error = flows.get(name), errors.get(name)
        return Observation(
            in_force=in_force,
            problem=problem,
            reason=(error.reason or "Failed") if error is not None else "",
            message=error.message if error is not None else "",
            state=flow.state if flow is not None else "",
            rate=rates.get(name) if flow is not None else None,
            attachments=_attachments(flow) if flow is not None else (),
            bridges=tuple(bridges.get(name, ())),
            ended=ended.get(name, {}),
        )

    return {name: observation(name) for name in wanted}


def notable(before: Observation, now: Observation) -> bool:
    """Whether somebody should look at what has changed: anything but counters, or the rate by much."""
    if (before.rate is None) != (now.rate is None) or _essence(before) != _essence(now):
        return True
    return before.rate is not None and now.rate is not None and abs(now.rate - before.rate) > NOTABLE * before.rate


def _essence(seen: Observation) -> tuple[object, ...]:
    attached = sorted([(each.endpoint, each.pod_uid) for each in seen.attachments])
    said = seen.in_force, seen.problem, seen.reason, seen.message, seen.state
    return *said, attached, seen.bridges, seen.ended


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
