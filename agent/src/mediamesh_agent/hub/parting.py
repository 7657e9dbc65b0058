"""How applications are parted from a hub that ends: sources between two frames, then sinks when they have taken all.

A source is asked to go, as when its pool grows. It hears that when it wants its next frame, leaves by itself, and what
it has sent until then is delivered. Were it cut off instead, what it sent before it noticed would be lost. Who uses no
frame does not hear it, and a sink may take nothing, so each wait has a bound.
"""

import asyncio
import contextlib
import time

from mediamesh_agent.hub.attachment import Attachment
from mediamesh_agent.hub.errors import HubError
from mediamesh_agent.hub.service import Service

IDLE = 1.0
"""Seconds that a source may take to leave."""
DRAIN = 3.0
"""Seconds that sinks may take for what is under way, while they go on."""
_STALLED = 1.0
_OFTEN = 0.01


async def end_feeding(service: Service, why: HubError) -> None:
    """Have the applications that feed flows leave."""
    asked = _feeding(service)
    for source in asked:
        tell = service.ask_to_leave if source.serving else service.end
        tell(source, why)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(IDLE):
            for source in asked:
                await source.over.wait()
    for source in _feeding(service):
        service.end(source, why)


async def drained(service: Service) -> None:
    """Wait until sinks have taken and given back what is under way, or none of them goes on."""
    began = moved = time.monotonic()
    left: list[int] = []
    while any(now := _under_way(service)):
        if now != left:
            left, moved = now, time.monotonic()
        if time.monotonic() > min(began + DRAIN, moved + _STALLED):
            return
        await asyncio.sleep(_OFTEN)


def _feeding(service: Service) -> list[Attachment]:
    return [one for one in _sources(service) if one.grant.kind == "pod" and one.last_word is None]


def _under_way(service: Service) -> list[int]:
    """Return how many frames each sink has, and how many sources have left of whose frames some have no room yet."""
    return [*service.occupancies(), sum(one.last_word is not None for one in _sources(service))]


def _sources(service: Service) -> list[Attachment]:
    return [flow.source for flow in service.flows.values() if flow.source is not None]
