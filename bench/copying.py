"""The copying fan-out as a case sees it: its memory, its processes, one round."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

from bench.actor import Actor, company


@dataclass(frozen=True, slots=True)
class CopyingFanOut:
    """A source, a hub that copies, and sinks, all ready."""

    source: Actor
    hub: Actor
    sinks: list[Actor]

    def round(self, frames: int, rate: float) -> float:
        """Send `frames`; return the CPU seconds of the hub per frame."""
        for sink in self.sinks:
            sink.begin("follow", count=frames)
        self.hub.begin("fan_out", count=frames)
        self.source.ask("paced", count=frames, rate=rate)
        for sink in self.sinks:
            sink.result()
        return float(self.hub.result()) / frames


@contextlib.contextmanager
def copying_fan_out(size: int, sinks: int) -> Iterator[CopyingFanOut]:
    """Run one; all of its memory is faulted in by the first round."""
    with _descriptors(size * (1 + sinks), 1 + sinks) as (memory, new, *events):
        source = Actor("copied_source", {"memory": memory, "size": size, "new": new}, [memory, new])
        settings = {"memory": memory, "size": size, "events": events, "new": new}
        hub = Actor("copying_hub", settings, [memory, new, *events])
        receivers = [Actor("copied_sink", {"event": event}, [event]) for event in events]
        with company(source, hub, *receivers):
            yield CopyingFanOut(source, hub, receivers)


@contextlib.contextmanager
def _descriptors(size: int, events: int) -> Iterator[list[int]]:
    memory = os.memfd_create("bench-copies")
    os.ftruncate(memory, size)
    descriptors = [memory, *(os.eventfd(0) for _ in range(events))]
    try:
        yield descriptors
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
