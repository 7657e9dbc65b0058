"""The endpoints of a connection, each pod of them by itself."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from mediamesh_core.kinds.status import MAX_COUNT, MAX_ENDPOINTS, EndpointStatus
from mediamesh_core.planner.verdicts import NO_POD, PlacedEndpoint
from mediamesh_core.states import BridgeState
from mediamesh_core.status.conditions import cut
from mediamesh_core.status.observation import Observation, SeenAttachment

ATTACHED, WAITING, DONE, UNKNOWN = "Attached", "Waiting", "Done", "Unknown"
_AT_WORK = frozenset({ATTACHED, BridgeState.RUNNING.value})
Key = tuple[str, str]


def endpoint_statuses(
    placed: Iterable[PlacedEndpoint], seen: Observation | None, before: Iterable[EndpointStatus]
) -> tuple[EndpointStatus, ...]:
    """Return what every endpoint does; one of which nothing is known does what it did before."""
    known = {(end.name, end.pod): end for end in before}
    made: dict[Key, EndpointStatus] = {}
    look = _Look(seen) if seen is not None else None
    for end in placed:
        key = end.name, end.pod
        if key not in made and len(made) < MAX_ENDPOINTS:
            made[key] = look.at(end) if look is not None else _as_before(end, known.get(key))
    return tuple(made.values())


def count_at_work(ends: Sequence[EndpointStatus]) -> str:
    """Return how many sinks are attached of all that there are: "3/4"."""
    sinks = [end for end in ends if end.role == "sink" and end.state != NO_POD]
    return f"{sum(end.state in _AT_WORK for end in sinks)}/{len(sinks)}"


def _as_before(end: PlacedEndpoint, before: EndpointStatus | None) -> EndpointStatus:
    if before is None or end.reason or before.node != end.node:
        return _status(end, end.reason or UNKNOWN)
    return before


class _Look:
    """What a node says, by endpoint."""

    def __init__(self, seen: Observation) -> None:
        self._ended: Mapping[str, str] = seen.ended
        self._bridges = {bridge.endpoint: bridge for bridge in seen.bridges}
        self._attached: dict[Key, list[SeenAttachment]] = {}
        for one in seen.attachments:
            self._attached.setdefault((one.endpoint, one.pod_uid), []).append(one)

    def at(self, end: PlacedEndpoint) -> EndpointStatus:
        """Return what one endpoint does."""
        if end.reason:
            return _status(end, end.reason)
        attached = [*self._of(end)]
        state, message = self._state(end, attached=bool(attached))
        frames, dropped = sum(one.frames for one in attached), sum(one.dropped for one in attached)
        return _status(end, state, message, frames, dropped)

    def _of(self, end: PlacedEndpoint) -> Iterator[SeenAttachment]:
        """Peers come through no pod's folder: the hub connects to them, or they to it."""
        yield from self._attached.get((end.name, end.pod_uid if end.kind == "pod" else ""), ())

    def _state(self, end: PlacedEndpoint, *, attached: bool) -> tuple[str, str]:
        bridge = self._bridges.get(end.name)
        if bridge is not None:
            done = bridge.state == BridgeState.STOPPED
            at_rest = done or bridge.state == BridgeState.RUNNING
            return DONE if done else bridge.state, "" if at_rest else bridge.last_error
        return (ATTACHED, "") if attached else (WAITING, self._ended.get(end.name, ""))


def _status(end: PlacedEndpoint, state: str, message: str = "", frames: int = 0, dropped: int = 0) -> EndpointStatus:
    return EndpointStatus(
        name=end.name,
        pod=end.pod,
        role="source" if end.role == "source" else "sink",
        kind=end.kind,
        node=end.node,
        state=state,
        message=cut(message),
        frames=min(frames, MAX_COUNT),
        dropped=min(dropped, MAX_COUNT),
    )
