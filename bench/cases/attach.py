"""How long it takes to join a flow whose pool has 500 MB.

A sink's time ends when it holds the flow's newest frame, a source's when it has a frame to fill. A pool serves one
source; the next one is made while no source is there, and a source that comes before it is ready waits until the kernel
has cleared 500 MB. Sources are therefore measured when the next pool is ready; how long that takes is in the details.
"""

import statistics
import time

from bench.actor import Actor, company
from bench.calm import Calm
from bench.mesh import Flow, Mesh, MeshFailed
from bench.outcome import Outcome
from bench.turns import percentile
from mediamesh_agent.hub.memory import pool_bytes

LARGE = Flow("large", 1920 * 1080 * 4, sinks=14)  # 61 frames
SINKS_A_ROUND = 20
SINK_ROUNDS = 15
SOURCES = 150  # of fewer the 99th percentile would be the worst one
PATIENCE = 20.0
MOST_MS = 10.0


def run(calm: Calm) -> Outcome:
    """A hundred and fifty sources join one after the other, then three hundred sinks."""
    with Mesh(LARGE) as mesh:
        where = {"root": mesh.folder, "connection": LARGE.name}
        with company(actor := Actor("attacher", where)):
            sources, ready = _sources(calm, mesh, actor)
            sinks = _sinks(calm, mesh, actor)
    return _judge(sinks, sources, ready)


def _sources(calm: Calm, mesh: Mesh, actor: Actor) -> tuple[list[float], list[float]]:
    """Return the ms of every attach, and the ms until each pool was ready."""
    times, ready = [], [_await_pool(mesh)]
    actor.ask("source")  # imports what is imported by the first
    for _ in range(SOURCES):
        ready.append(_await_pool(mesh))
        calm.wait()
        times.append(actor.ask("source") * 1e3)
    _await_pool(mesh)
    return times, ready


def _sinks(calm: Calm, mesh: Mesh, actor: Actor) -> list[float]:
    source = Actor("mesh_source", {"root": mesh.folder, "connections": [LARGE.name]})
    times = []
    with company(source):
        source.ask("paced", connection=LARGE.name, count=1, rate=60, length=LARGE.capacity)
        for _ in range(SINK_ROUNDS):
            calm.wait()
            times += [actor.ask("sink") * 1e3 for _ in range(SINKS_A_ROUND)]
    return times


def _await_pool(mesh: Mesh) -> float:
    """Wait until the pool for the next source is there beside the one that the last source left."""
    size = pool_bytes(LARGE.plan().frames, LARGE.capacity)
    started = time.monotonic()
    while time.monotonic() < started + PATIENCE:
        flow = mesh.observe().flows[0]
        if flow.state == "Waiting" and flow.pool_bytes >= size * (2 if flow.pool_generation else 1):
            return (time.monotonic() - started) * 1e3
        time.sleep(0.005)
    raise MeshFailed("no pool for the next source")


def _judge(sinks: list[float], sources: list[float], ready: list[float]) -> Outcome:
    sink, source = percentile(sinks, 0.99), percentile(sources, 0.99)
    worst = max(sink, source)
    return Outcome(
        value=round(worst, 1),
        unit="ms, p99",
        holds=worst <= MOST_MS,
        shown=(
            f"p99 sinks {sink:.1f} ms (p50 {statistics.median(sinks):.1f}), sources {source:.1f} ms "
            f"(p50 {statistics.median(sources):.1f})"
        ),
        limit="Messages to and fro between two Python processes, and mapping the pool; its pages are there already",
        details={
            "pool_bytes": pool_bytes(LARGE.plan().frames, LARGE.capacity),
            "sinks": {"count": len(sinks), "p50": statistics.median(sinks), "p99": sink, "max": max(sinks)},
            "sources": {"count": len(sources), "p50": statistics.median(sources), "p99": source, "max": max(sources)},
            "next_pool_ready_ms": {"p50": statistics.median(ready), "max": max(ready)},
        },
    )
