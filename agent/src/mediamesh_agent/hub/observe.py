"""What is, now: the engine's counters and the hub's own knowledge as one message."""

import os
import time
from dataclasses import dataclass
from importlib.metadata import version

from mediamesh_agent.hub import container
from mediamesh_agent.hub.attachment import Attachment
from mediamesh_agent.hub.errors import HubError
from mediamesh_agent.hub.flows import Flow
from mediamesh_agent.hub.service import Service
from mediamesh_agent.hub.supervisor import Supervisor
from mediamesh_core.states import FlowState
from mediamesh_protos import hub_pb2, plan_pb2


@dataclass(slots=True)
class Identity:
    """What a hub and its successors share."""

    started: float
    handovers: int = 0
    version: str = version("mediamesh-agent")


def observe(
    identity: Identity, plan: plan_pb2.NodePlan, service: Service, supervisor: Supervisor, failed: dict[str, HubError]
) -> hub_pb2.Observed:
    """Describe everything."""
    engine = service.engine.engine_counters()
    return hub_pb2.Observed(
        pid=os.getpid(),
        version=identity.version,
        revision=plan.revision,
        digest=plan.digest,
        started=identity.started,
        engine_cpu_seconds=engine.cpu_seconds,
        engine_wakeups=engine.wakeups,
        engine_signals=engine.signals,
        bytes_copied=engine.bytes_copied,
        memory_bytes=service.maker.taken,
        memory_limit_bytes=service.maker.budget.limit,
        handovers=identity.handovers,
        flows=[*(_flow(flow, service) for flow in service.flows.values()), *_failed(failed, service)],
        bridges=supervisor.observed(),
        ended=service.book.observed(),
        clock=time.monotonic(),
        container=container.identity(),
    )


def _failed(failed: dict[str, HubError], service: Service) -> list[hub_pb2.ObservedFlow]:
    return [
        hub_pb2.ObservedFlow(connection=name, state=FlowState.FAILED, reason=error.reason, message=error.message)
        for name, error in failed.items()
        if name not in service.flows
    ]


def _flow(flow: Flow, service: Service) -> hub_pb2.ObservedFlow:
    counters = service.engine.flow_counters(flow.number)
    live = flow.pools.get(flow.current)
    attachments = [_attachment(one, service) for one in flow.attachments.values() if one.serving]
    return hub_pb2.ObservedFlow(
        connection=flow.name,
        state=_state(flow),
        reason=flow.error.reason if flow.error else "",
        message=flow.error.message if flow.error else "",
        payload=flow.plan.payload,
        frames=flow.frames_before + counters.frames,
        bytes=flow.bytes_before + counters.bytes,
        next_sequence=counters.next_sequence,
        pool_frames=counters.pool_frames,
        pool_free=counters.pool_free,
        pool_bytes=flow.pool_bytes,
        pool_generation=flow.generation,
        sealed=live is not None and live.pool.sealed,
        attachments=attachments,
        held_back_by=_full(attachments) if counters.stalled else [],
    )


def _full(attachments: list[hub_pb2.ObservedAttachment]) -> list[str]:
    """Name the sinks that a stalled source waits for."""
    return sorted({one.endpoint for one in attachments if one.policy == "block" and one.occupancy >= one.queue})


def _state(flow: Flow) -> FlowState:
    if flow.source is not None and flow.source.serving:
        return FlowState.FLOWING
    return FlowState.FAILED if flow.error else FlowState.WAITING


def _attachment(attachment: Attachment, service: Service) -> hub_pb2.ObservedAttachment:
    counters = service.engine.counters(attachment.engine)
    grant = attachment.grant
    return hub_pb2.ObservedAttachment(
        attachment=attachment.number,
        endpoint=grant.endpoint,
        role=grant.role,
        kind=grant.kind,
        client=attachment.client,
        pid=attachment.peer.pid,
        frames=counters.frames,
        bytes=counters.bytes,
        received=counters.received,
        dropped=counters.dropped,
        damaged=counters.damaged,
        occupancy=counters.occupancy,
        queue=grant.queue,
        policy=grant.policy or "",
        latency=counters.latency,
        reattached=attachment.reattached,
        folder=attachment.peer.folder,
    )
