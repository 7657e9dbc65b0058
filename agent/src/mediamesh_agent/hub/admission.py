"""Who may attach to what: pure rules over the plan and the flow's occupancy.

The answer is a `Grant`, or `Refused` with a reason that tells whether to try again. What the plan gives to a folder is
decided by the socket that the client came through, never by what the client says about itself. A bridge endpoint is
for one process only, the one that supervision started, known by the kernel's word for its pid.
"""

import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from mediamesh_agent.hub.errors import Refused
from mediamesh_protos import attach_pb2, plan_pb2

API_VERSION = 1
RoleName = Literal["source", "sink"]
Policy = Literal["dropOldest", "block", "disconnect"]
POLICIES: Mapping[str, Policy] = {"dropOldest": "dropOldest", "block": "block", "disconnect": "disconnect"}
_STARTS = {attach_pb2.START_NEWEST: True, attach_pb2.START_NEXT: False}
_ROLES: Mapping[int, RoleName] = {attach_pb2.ROLE_SOURCE: "source", attach_pb2.ROLE_SINK: "sink"}


@dataclass(frozen=True, slots=True)
class Peer:
    """What the kernel says of a client: the folder whose socket it used, its pid (0: another pid namespace)."""

    folder: str
    pid: int


@dataclass(frozen=True, slots=True)
class Grant:
    """A place at an endpoint."""

    connection: str
    endpoint: str
    role: RoleName
    kind: str
    queue: int
    policy: Policy | None = None  # of sinks
    newest: bool = False


class Occupancy(Protocol):
    """What admission wants to know of a flow; attachments that are half-way count."""

    @property
    def has_source(self) -> bool:
        """Whether a source is attached or attaching."""

    @property
    def frames(self) -> int:
        """Frames of the pool in use, or of the pool to come."""

    def attached(self, endpoint: str) -> int:
        """Attachments of a sink endpoint."""

    def queued(self) -> int:
        """Sum of the queues of all sinks."""


class Bridges(Protocol):
    """What admission wants to know of supervision."""

    def pid_of(self, connection: str, endpoint: str) -> int:
        """Return the pid of the bridge process of that endpoint; 0 if none runs."""


def admit(
    request: attach_pb2.AttachRequest,
    peer: Peer,
    plan: plan_pb2.FlowPlan | None,
    flow: Occupancy | None,
    bridges: Bridges,
) -> Grant:
    """Grant a place or raise Refused; `request.connection` is a full name."""
    _check_version(request)
    role = _role(request)
    if plan is None or flow is None:
        text = f"there is no connection {request.connection!r} on this node (yet)"
        raise Refused("NoSuchConnection", text, transient=True)
    name, endpoint = _choose(request, role, peer, plan)
    _check_endpoint(request, peer, plan, name, endpoint, bridges)
    if role == "source":
        return _source_grant(request, plan, flow)
    return _sink_grant(request, plan, _sink(plan, name), flow)


def _check_version(request: attach_pb2.AttachRequest) -> None:
    if request.api_version != API_VERSION:
        text = f"the client speaks attach version {request.api_version}, this hub {API_VERSION}: update the older one"
        raise Refused("UnsupportedVersion", text)


def _role(request: attach_pb2.AttachRequest) -> RoleName:
    role = _ROLES.get(request.role)
    if role is None:
        raise Refused("BadRole", f"role {request.role} is neither source nor sink")
    return role


def _endpoints(plan: plan_pb2.FlowPlan, role: RoleName) -> Iterator[tuple[str, plan_pb2.EndpointPlan]]:
    if role == "source":
        yield plan.source.name, plan.source.endpoint
    else:
        yield from ((sink.name, sink.endpoint) for sink in plan.sinks)


def _choose(
    request: attach_pb2.AttachRequest, role: RoleName, peer: Peer, plan: plan_pb2.FlowPlan
) -> tuple[str, plan_pb2.EndpointPlan]:
    of_role = dict(_endpoints(plan, role))
    if not _takes_part(plan, peer.folder):
        raise Refused("NotYourEndpoint", f"{plan.connection} has nothing for this pod", transient=True)
    if request.endpoint in of_role:
        return request.endpoint, of_role[request.endpoint]
    if request.endpoint:
        raise _unknown_endpoint(request, role, plan)
    fitting = [(name, endpoint) for name, endpoint in of_role.items() if _given_to(endpoint, peer.folder)]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise Refused("NotYourEndpoint", f"{plan.connection} has no {role} for this pod", transient=True)
    names = ", ".join(name for name, _ in fitting)
    text = f"{plan.connection} has several {role}s for you; name one of them as the endpoint: {names}"
    raise Refused("AmbiguousEndpoint", text)


def _unknown_endpoint(request: attach_pb2.AttachRequest, role: RoleName, plan: plan_pb2.FlowPlan) -> Refused:
    other: RoleName = "sink" if role == "source" else "source"
    if request.endpoint in dict(_endpoints(plan, other)):
        return Refused("WrongRole", f"{request.endpoint!r} of {plan.connection} is a {other}, not a {role}")
    known = ", ".join(name for name, _ in _endpoints(plan, role)) or "none"
    text = f"{plan.connection} has no {role} {request.endpoint[:200]!r} (it has: {known})"
    return Refused("NoSuchEndpoint", text, transient=True)


def _takes_part(plan: plan_pb2.FlowPlan, folder: str) -> bool:
    """Whether to speak of the connection's endpoints: the folder may be of another namespace. The root is no pod's."""
    every = (plan.source.endpoint, *(sink.endpoint for sink in plan.sinks))
    return not folder or any(_given_to(endpoint, folder) for endpoint in every)


def _given_to(endpoint: plan_pb2.EndpointPlan, folder: str) -> bool:
    return endpoint.kind == "pod" and folder in endpoint.folders


def _check_endpoint(
    request: attach_pb2.AttachRequest,
    peer: Peer,
    plan: plan_pb2.FlowPlan,
    name: str,
    endpoint: plan_pb2.EndpointPlan,
    bridges: Bridges,
) -> None:
    if endpoint.kind == "bridge":
        allowed = not peer.folder and peer.pid != 0 and peer.pid == bridges.pid_of(plan.connection, name)
    else:
        allowed = _given_to(endpoint, peer.folder)
    if not allowed:
        text = f"{name!r} of {plan.connection} is not for this client: the plan gives it to somebody else"
        raise Refused("NotYourEndpoint", text, transient=endpoint.kind == "pod")
    if endpoint.token and not hmac.compare_digest(endpoint.token.encode(), request.token.encode()):
        raise Refused("WrongToken", f"{name!r} of {plan.connection} wants its token")


def _source_grant(request: attach_pb2.AttachRequest, plan: plan_pb2.FlowPlan, flow: Occupancy) -> Grant:
    if flow.has_source:
        raise Refused("SourceBusy", f"{plan.connection} has a source already", transient=True)
    source = plan.source
    queue = _queue(request.queue, source.queue, f"{source.name!r} of {plan.connection}")
    return Grant(plan.connection, source.name, "source", source.endpoint.kind, queue)


def _sink(plan: plan_pb2.FlowPlan, name: str) -> plan_pb2.SinkPlan:
    return next(sink for sink in plan.sinks if sink.name == name)


def _sink_grant(
    request: attach_pb2.AttachRequest, plan: plan_pb2.FlowPlan, sink: plan_pb2.SinkPlan, flow: Occupancy
) -> Grant:
    if flow.attached(sink.name) >= sink.max_attachments:
        text = f"{sink.name!r} of {plan.connection} has its {sink.max_attachments} attachments already"
        raise Refused("TooManyAttachments", text, transient=True)
    queue = _queue(request.queue, sink.queue, f"{sink.name!r} of {plan.connection}")
    needed = 1 + plan.source.queue + flow.queued() + queue
    if needed > flow.frames:
        text = (
            f"the pool of {plan.connection} has {flow.frames} frames, {needed} would be needed: ask for a smaller queue"
        )
        raise Refused("PoolShares", text, transient=True)
    newest = _STARTS.get(request.start, sink.start == "newest")
    return Grant(plan.connection, sink.name, "sink", sink.endpoint.kind, queue, POLICIES[sink.policy], newest)


def _queue(asked: int, planned: int, place: str) -> int:
    if asked > planned:
        raise Refused("QueueTooLong", f"queue {asked} is more than the {planned} frames that the plan gives {place}")
    return asked or planned
