"""Carrying out a plan: the full desired state in, whatever has to change done, errors per flow out.

Level-triggered: the same plan again changes nothing, a lost one is made good by the next. A flow that cannot be set
up is reported and tried again with every plan; all others run. Memory is judged for the plan as a whole and in its
order, with flows that run already first, so that a new flow never takes the memory of an old one.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from mediamesh_agent.hub.bridge_process import Instruction
from mediamesh_agent.hub.difference import check, difference
from mediamesh_agent.hub.door import Doors
from mediamesh_agent.hub.errors import AttachmentEnded, HubError
from mediamesh_agent.hub.flows import Flow
from mediamesh_agent.hub.memory import check_region
from mediamesh_agent.hub.pools import Geometry
from mediamesh_agent.hub.service import Service
from mediamesh_agent.hub.supervisor import Supervisor
from mediamesh_protos import hub_pb2, plan_pb2

log = logging.getLogger(__name__)

# An agent waits ten seconds for its answer: pools that take longer are reported by the next observation.
_POOL_PATIENCE = 5.0


@dataclass(slots=True)
class Judged:
    """What of a plan can be carried out."""

    flows: dict[str, plan_pb2.FlowPlan] = field(default_factory=dict)
    errors: dict[str, HubError] = field(default_factory=dict)


def judge(plan: plan_pb2.NodePlan, running: Iterable[str], limit: int) -> Judged:
    """Sort a plan's flows into those that can run and those that cannot, with the reason."""
    judged = Judged()
    for flow in plan.flows:
        try:
            _check_new(flow, judged.flows)
        except HubError as error:
            judged.errors[flow.connection] = error
        else:
            judged.flows[flow.connection] = flow
    _judge_memory(judged, set(running), limit)
    return judged


def _check_new(flow: plan_pb2.FlowPlan, known: Mapping[str, plan_pb2.FlowPlan]) -> None:
    check(flow)
    if flow.connection in known:
        raise HubError("BadPlan", f"{flow.connection} is in the plan twice")
    check_region(_size(flow))


def _judge_memory(judged: Judged, running: set[str], limit: int) -> None:
    """All pools, and once more the largest: it exists twice for a moment when its source changes."""
    total = largest = 0
    for name in sorted(judged.flows, key=lambda name: name not in running):
        flow = judged.flows[name]
        size = _size(flow)
        if total + size + max(largest, size) > limit:
            del judged.flows[name]
            text = (
                f"the pool takes {size} bytes (twice while a source changes), "
                f"other flows {total} of the hub's {limit}: raise --memory-limit or use fewer frames"
            )
            judged.errors[name] = HubError("OutOfMemory", text)
        else:
            total, largest = total + size, max(largest, size)


def _size(flow: plan_pb2.FlowPlan) -> int:
    return Geometry(flow.frames, flow.capacity, flow.huge_pages).size


def instructions(flows: Iterable[plan_pb2.FlowPlan]) -> Iterator[Instruction]:
    """Yield what the plan's bridges are told."""
    for flow in flows:
        ends = [("source", flow.source.name, flow.source.endpoint)]
        ends += [("sink", sink.name, sink.endpoint) for sink in flow.sinks]
        for role, name, endpoint in ends:
            if endpoint.kind == "bridge":
                yield Instruction(flow.connection, name, role, endpoint.bridge, endpoint.config)


def folders(flows: Iterable[plan_pb2.FlowPlan]) -> set[str]:
    """Return the folders that need an attach socket; the root always has one."""
    found = {""}
    for flow in flows:
        for endpoint in (flow.source.endpoint, *(sink.endpoint for sink in flow.sinks)):
            if endpoint.kind == "pod":
                found.update(endpoint.folders)
    return found


class Applier:
    """Makes the hub be what a plan says."""

    def __init__(self, service: Service, doors: Doors, supervisor: Supervisor, limit: int) -> None:
        self._service = service
        self._doors = doors
        self._supervisor = supervisor
        self._limit = limit
        self.errors: dict[str, HubError] = {}

    async def apply(self, plan: plan_pb2.NodePlan) -> hub_pb2.Applied:
        """Carry out a plan as far as possible."""
        running = {name: flow.plan for name, flow in self._service.flows.items()}
        judged = judge(plan, running, self._limit)
        self.errors = judged.errors
        self._change_flows(running, judged.flows)
        # Bridges that outlived the hub before us are adopted first: a door that opens earlier would turn them away.
        self._supervisor.arrange(instructions(judged.flows.values()))
        self._arrange_doors(judged.flows.values())
        await self._prepare_pools()
        log.info("plan %d: %d flows, %d refused", plan.revision, len(judged.flows), len(judged.errors))
        return hub_pb2.Applied(revision=plan.revision, errors=self._flow_errors())

    def _change_flows(self, running: Mapping[str, plan_pb2.FlowPlan], wanted: Mapping[str, plan_pb2.FlowPlan]) -> None:
        service = self._service
        changes = difference(running, wanted)
        for name in changes.removed:
            service.remove_flow(service.flows[name], AttachmentEnded("FlowRemoved", f"{name} is no longer in the plan"))
        for name in changes.rebuilt:
            service.rebuild_flow(service.flows[name], wanted[name])
        for name in changes.added:
            service.add_flow(wanted[name])
        for name, endpoint in changes.ended:
            end = AttachmentEnded("EndpointChanged", f"{endpoint} of {name} has changed in the plan")
            service.end_all(service.flows[name], end, endpoint=endpoint)
        for name, plan in wanted.items():
            service.flows[name].plan = plan
            _withdraw_folders(service, service.flows[name])

    def _arrange_doors(self, flows: Iterable[plan_pb2.FlowPlan]) -> None:
        for folder, error in self._doors.arrange(folders(flows)).items():
            log.error("no attach socket in folder %r: %s", folder, error.strerror)

    async def _prepare_pools(self) -> None:
        """Have all pools made; a running source whose pool has become too small moves to a larger one."""
        making = {flow.prepare() for flow in self._service.flows.values() if not flow.has_source or flow.outgrown}
        for flow in self._service.flows.values():
            self._service.grow(flow)
        if making:
            await asyncio.wait(making, timeout=_POOL_PATIENCE)

    def _flow_errors(self) -> list[hub_pb2.FlowError]:
        errors = {flow.name: flow.error for flow in self._service.flows.values() if flow.error} | self.errors
        return [
            hub_pb2.FlowError(connection=name, reason=error.reason, message=error.message)
            for name, error in errors.items()
        ]


def _withdraw_folders(service: Service, flow: Flow) -> None:
    """End attachments of pods that the plan no longer names; other pods of the endpoint do not notice."""
    given = {flow.plan.source.name: flow.plan.source.endpoint, **{sink.name: sink.endpoint for sink in flow.plan.sinks}}
    for attachment in list(flow.attachments.values()):
        endpoint = given.get(attachment.grant.endpoint)
        if endpoint is not None and endpoint.kind == "pod" and attachment.peer.folder not in endpoint.folders:
            text = f"{attachment.grant.endpoint} of {flow.name} is no longer for this pod"
            service.end(attachment, AttachmentEnded("EndpointWithdrawn", text))
