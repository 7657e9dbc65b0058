"""What has to change so that what runs becomes what the plan says: pure.

A change reaches as far as it must and no further. Another payload is another flow. Another number of frames is only
another pool: a running source is asked to attach anew if its pool has become too small. A sink's new queue or
policy ends that sink's attachments (they come back by themselves). A pod that is no longer named loses its
attachments and no other pod notices.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mediamesh_agent.hub.admission import POLICIES
from mediamesh_agent.hub.errors import HubError
from mediamesh_agent.hub.root import OWN_NAMES, components
from mediamesh_protos import plan_pb2

STARTS = frozenset({"newest", "next"})
KINDS = frozenset({"pod", "bridge", "memif"})
MOST_QUEUE = 1 << 14
_MOST_PAYLOAD_TEXT = 3000
_SOCKET = re.compile(r"@?[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Changes:
    """Names of connections, each in one group; `ended` are (connection, endpoint) whose attachments must go."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    rebuilt: tuple[str, ...] = ()
    ended: tuple[tuple[str, str], ...] = ()


def difference(running: Mapping[str, plan_pb2.FlowPlan], wanted: Mapping[str, plan_pb2.FlowPlan]) -> Changes:
    """Compare two plans."""
    both = [name for name in wanted if name in running]
    rebuilt = tuple(name for name in both if _memory(running[name]) != _memory(wanted[name]))
    kept = [name for name in both if name not in rebuilt]
    return Changes(
        added=tuple(name for name in wanted if name not in running),
        removed=tuple(name for name in running if name not in wanted),
        rebuilt=rebuilt,
        ended=tuple((name, endpoint) for name in kept for endpoint in _changed(running[name], wanted[name])),
    )


def check(flow: plan_pb2.FlowPlan) -> None:
    """Raise HubError if the hub could not carry out this part of a plan."""
    if not _NAME.fullmatch(flow.connection):
        raise HubError("BadPlan", f"{flow.connection!r} is not namespace/name")
    for broken, what in _rules(flow):
        if broken:
            raise HubError("BadPlan", f"{flow.connection}: {what}")
    for endpoint in _endpoints(flow):
        for folder in (*endpoint.folders, endpoint.memif.folder):
            components(folder)


def _rules(flow: plan_pb2.FlowPlan) -> Iterator[tuple[bool, str]]:
    names = [flow.source.name, *(sink.name for sink in flow.sinks)]
    yield not all(names), "an endpoint without a name"
    yield len(set(names)) != len(names), "two endpoints of one name"
    yield not 0 < flow.capacity < 1 << 32, "the capacity of a frame must be 1 byte to 4 GiB"
    yield flow.frames < 2, "a pool needs 2 frames or more"
    yield len(flow.payload.encode()) > _MOST_PAYLOAD_TEXT, "the payload's description does not fit into an attach reply"
    yield not 0 < flow.source.queue <= MOST_QUEUE, f"the source's queue must be 1 to {MOST_QUEUE}"
    for sink in flow.sinks:
        yield sink.policy not in POLICIES, f"{sink.name}: unknown policy {sink.policy!r}"
        yield sink.start not in STARTS, f"{sink.name}: unknown start {sink.start!r}"
        yield not 0 < sink.queue <= MOST_QUEUE, f"{sink.name}: the queue must be 1 to {MOST_QUEUE}"
        yield sink.max_attachments < 1, f"{sink.name}: no attachment is allowed"
    for endpoint in _endpoints(flow):
        yield endpoint.kind not in KINDS, f"unknown kind of endpoint {endpoint.kind!r}"
        yield endpoint.kind == "bridge" and not endpoint.bridge, "a bridge endpoint without a bridge"
        yield endpoint.kind == "memif" and not _is_free(endpoint.memif.socket), "no place for the socket of a peer"


def _is_free(socket: str) -> bool:
    """Whether a peer may have a socket of this name."""
    return _SOCKET.fullmatch(socket) is not None and socket not in OWN_NAMES


def _endpoints(flow: plan_pb2.FlowPlan) -> Iterator[plan_pb2.EndpointPlan]:
    yield flow.source.endpoint
    yield from (sink.endpoint for sink in flow.sinks)


def _memory(flow: plan_pb2.FlowPlan) -> tuple[object, ...]:
    return flow.uid, flow.payload, flow.capacity


def _changed(before: plan_pb2.FlowPlan, after: plan_pb2.FlowPlan) -> Iterator[str]:
    """Name endpoints that are gone or whose attachments were made under other terms."""
    if _terms(before.source) != _terms(after.source) or before.source.name != after.source.name:
        yield before.source.name
    later = {sink.name: sink for sink in after.sinks}
    for sink in before.sinks:
        if sink.name not in later or _terms(sink) != _terms(later[sink.name]):
            yield sink.name


def _terms(endpoint: plan_pb2.SourcePlan | plan_pb2.SinkPlan) -> tuple[object, ...]:
    """What an attachment was promised; who may attach, how often and with which token matters only at the door."""
    policy = endpoint.policy if isinstance(endpoint, plan_pb2.SinkPlan) else ""
    place = endpoint.endpoint
    return (
        endpoint.queue,
        policy,
        place.kind,
        place.bridge,
        place.config,
        place.memif.SerializeToString(deterministic=True),
    )
