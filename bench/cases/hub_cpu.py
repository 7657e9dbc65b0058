"""What a frame costs the engine per sink, and that its size does not matter.

Beside it, in the same turns, the floor: a process that does nothing but wake as many sleeping processes at the same
rate by eventfds. What a wake-up costs is the kernel's and the hypervisor's affair, and changes with the machine.
"""

import contextlib
import os
import statistics
from collections.abc import Callable, Iterator
from typing import Any

from bench.actor import Actor, company
from bench.calm import Calm
from bench.mesh import Flow, Mesh
from bench.outcome import Outcome
from bench.turns import in_turns, spread

SINKS = 8
RATE = 60.0
FRAMES = 120
ROUNDS = 5
LARGE = Flow("large", 1920 * 1080 * 4, sinks=SINKS)
SMALL = Flow("small", 64_000, sinks=SINKS)

Costs = dict[str, float]


def run(calm: Calm) -> Outcome:
    """Two flows in one hub, 60 frames/s, in turns; the source writes every byte of every frame."""
    names = [LARGE.name, SMALL.name]
    with Mesh(LARGE, SMALL) as mesh, _floor() as floor:
        source = Actor("mesh_source", {"root": mesh.folder, "connections": names})
        sinks = [Actor("mesh_sink", {"root": mesh.folder, "connections": names}) for _ in range(SINKS)]
        with company(source, *sinks):
            turns: dict[str, Callable[[], Costs]] = {
                "large": lambda: _round(mesh, LARGE, source, sinks),
                "small": lambda: _round(mesh, SMALL, source, sinks),
                "floor": floor,
            }
            return _judge(in_turns(ROUNDS, turns, calm))


def _round(mesh: Mesh, flow: Flow, source: Actor, sinks: list[Actor]) -> Costs:
    """Return µs per frame and sink: of the engine's thread, and of the whole hub."""
    for sink in sinks:
        sink.begin("follow", connection=flow.name, samples=False)
    before = mesh.observe()
    hub = mesh.cpu()
    source.ask("paced", connection=flow.name, count=FRAMES, rate=RATE, length=flow.capacity, fill=True)
    received = sum(sink.result()["received"] for sink in sinks)
    hub = mesh.cpu() - hub
    after = mesh.observe()
    return {
        "engine": (after.engine_cpu_seconds - before.engine_cpu_seconds) * 1e6 / received,
        "hub": hub * 1e6 / received,
        "signals": (after.engine_signals - before.engine_signals) / received,
    }


@contextlib.contextmanager
def _floor() -> Iterator[Callable[[], Costs]]:
    events = [os.eventfd(0) for _ in range(SINKS)]
    try:
        waker = Actor("waker", {"events": events}, events)
        sleepers = [Actor("copied_sink", {"event": event}, [event]) for event in events]
        with company(waker, *sleepers):
            yield lambda: _wake(waker, sleepers)
    finally:
        for event in events:
            os.close(event)


def _wake(waker: Actor, sleepers: list[Actor]) -> Costs:
    for sleeper in sleepers:
        sleeper.begin("follow", count=FRAMES)
    spent = waker.ask("wake", count=FRAMES, rate=RATE)
    for sleeper in sleepers:
        sleeper.result()
    return {"engine": spent * 1e6 / FRAMES / SINKS}


def _judge(rounds: dict[str, list[Costs]]) -> Outcome:
    costs = {name: [each["engine"] for each in results] for name, results in rounds.items()}
    large, small, floor = (statistics.median(costs[name]) for name in ("large", "small", "floor"))
    hub = statistics.median(each["hub"] for each in rounds["large"])
    details: dict[str, Any] = {name: spread(values) for name, values in costs.items()}
    return Outcome(
        value=round(large, 2),
        unit="µs per frame and sink",
        holds=large <= 1.2 * small and large <= 5,
        shown=(
            f"{large:.2f} µs of the engine, {large / small:.2f} times that of 64 kB; a bare wake-up costs {floor:.2f} "
            f"µs here; {hub:.1f} µs with the hub's event loop"
        ),
        limit="The signal that wakes a sleeping sink; on virtual machines each may be an exit to the hypervisor",
        peer="bare eventfd writes",
        peer_value=round(floor, 2),
        details={"sinks": SINKS, "rate": RATE, **details, "rounds": rounds},
    )
