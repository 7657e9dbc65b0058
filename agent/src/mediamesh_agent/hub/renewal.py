"""A fresh pool under a stock source that is handed over.

The hub fills the pool of a stock source itself, and a successor cannot: the pool is sealed against all who would map
it later. So the hub that hands over makes the flow's next pool while frames still flow, as if another source were to
come, and passes it on unsealed. The successor takes it into use before its engine runs: sinks hear of one more pool,
and the peer of nothing. A packet that was coming in comes in anew.

Where there is no memory for it, or sinks still hold frames of too many old pools, the successor ends that one source.
If the successor does not take over, nothing was done but memory set aside, and it is given back.
"""

from mediamesh_agent.hub.errors import AttachmentEnded, HubError
from mediamesh_agent.hub.flows import Flow
from mediamesh_agent.hub.service import Service
from mediamesh_native.pool import PoolError


def needs_pool(flow: Flow) -> bool:
    """Whether the hub that comes next cannot write the pool of this flow, and has to."""
    source = flow.source
    return bool(source and source.serving and source.grant.kind == "memif" and flow.pools[flow.current].pool.sealed)


def prepare(service: Service) -> None:
    """Have the pools made that a successor needs."""
    for flow in filter(needs_pool, service.flows.values()):
        if flow.crowded:
            service.collect(flow)
        flow.prepare()


def take_back(service: Service) -> None:
    """There is no successor: give up the pools that were made for it."""
    for flow in filter(needs_pool, service.flows.values()):
        flow.drop_spare()


def renew(service: Service) -> None:
    """Take the fresh pools into use, or end the sources that have none."""
    for flow in list(filter(needs_pool, service.flows.values())):
        try:
            _renew(service, flow)
        except (HubError, PoolError) as error:
            text = f"no new pool after the hand-over: {getattr(error, 'message', error.args[-1])}"
            source = flow.source
            if source is not None:
                service.end(source, AttachmentEnded(error.reason, text))


def _renew(service: Service, flow: Flow) -> None:
    source = flow.source
    if source is None:
        raise RuntimeError(f"{flow.name} has no source")
    source.region = flow.offer_spare()
    pool = service.install_pool(flow, source, sealed=False)
    if not flow.shared:
        pool.seal()
