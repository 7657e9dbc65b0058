"""The same pictures by a hub that copies them for every sink.

Compared is what the frames cost: the CPU of our engine's thread, and of the thread that copies. The copying hub does
nothing else; ours also runs an event loop for control, whose CPU is in the details.
"""

import statistics

from bench.actor import Actor, company
from bench.calm import Calm
from bench.copying import copying_fan_out
from bench.mesh import Flow, Mesh
from bench.outcome import Outcome
from bench.turns import in_turns, spread

SINKS = 8
RATE = 10.0  # what a copying hub can do without falling behind
FRAMES = 25
ROUNDS = 4
UHD = Flow("uhd", 3840 * 2160 * 4, sinks=SINKS)


def run(calm: Calm) -> Outcome:
    """2160p to eight sinks, in turns with a memmove per sink."""
    names = [UHD.name]
    with Mesh(UHD) as mesh, copying_fan_out(UHD.capacity, SINKS) as copying:
        source = Actor("mesh_source", {"root": mesh.folder, "connections": names})
        sinks = [Actor("mesh_sink", {"root": mesh.folder, "connections": names}) for _ in range(SINKS)]
        with company(source, *sinks):
            copying.round(2, RATE)  # faults its memory in
            contestants = {
                "mesh": lambda: _round(mesh, source, sinks),
                "copying": lambda: (copying.round(FRAMES, RATE) * 1e6, 0.0),
            }
            rounds = in_turns(ROUNDS, contestants, calm)
    return _judge([each[0] for each in rounds["mesh"]], [each[1] for each in rounds["mesh"]], rounds["copying"])


def _round(mesh: Mesh, source: Actor, sinks: list[Actor]) -> tuple[float, float]:
    """Return µs per frame of the engine and of the whole hub."""
    for sink in sinks:
        sink.begin("follow", connection=UHD.name, samples=False)
    engine, hub = mesh.engine_cpu(), mesh.cpu()
    source.ask("paced", connection=UHD.name, count=FRAMES, rate=RATE, length=UHD.capacity, fill=True)
    for sink in sinks:
        sink.result()
    hub = mesh.cpu() - hub
    return (mesh.engine_cpu() - engine) * 1e6 / FRAMES, hub * 1e6 / FRAMES


def _judge(mesh: list[float], hub: list[float], copies: list[tuple[float, float]]) -> Outcome:
    copying = [each[0] for each in copies]
    ours, theirs = statistics.median(mesh), statistics.median(copying)
    ratio = theirs / ours
    return Outcome(
        value=round(ratio, 1),
        unit="times less hub CPU",
        holds=ratio >= 50,
        shown=(
            f"{ratio:.0f} times less: {ours:.0f} µs of the engine against {theirs:.0f} µs per frame to {SINKS} sinks; "
            f"{theirs / statistics.median(hub):.0f} times with the hub's event loop, at {RATE:.0f} frames/s"
        ),
        limit="The copies are bound by memory bandwidth, ours by wake-ups",
        peer="memmove per sink",
        peer_value=1.0,
        details={
            "sinks": SINKS,
            "rate": RATE,
            "mesh_us": spread(mesh),
            "whole_hub_us": spread(hub),
            "copying_us": spread(copying),
            "rounds": [mesh, copying],
        },
    )
