"""Ultra high definition to many sinks: nobody misses a frame, the hub hardly works, no byte is copied."""

import statistics
from typing import Any

from bench.actor import Actor, company
from bench.calm import Calm
from bench.mesh import Flow, Mesh
from bench.outcome import Outcome

SINKS = 16
RATE = 60.0
FRAMES = 240
ROUNDS = 4
UHD = Flow("uhd", 3840 * 2160 * 4, sinks=SINKS)


def run(calm: Calm) -> Outcome:
    """One source that writes whole pictures, sixteen processes that take them with queues of four."""
    names = [UHD.name]
    with Mesh(UHD) as mesh:
        source = Actor("mesh_source", {"root": mesh.folder, "connections": names})
        sinks = [Actor("mesh_sink", {"root": mesh.folder, "connections": names}) for _ in range(SINKS)]
        with company(source, *sinks):
            rounds = []
            for _ in range(ROUNDS):
                calm.wait()
                rounds.append(_round(mesh, source, sinks))
            copied = mesh.observe().bytes_copied
    return _judge(rounds, copied)


def _round(mesh: Mesh, source: Actor, sinks: list[Actor]) -> dict[str, Any]:
    for sink in sinks:
        sink.begin("follow", connection=UHD.name, samples=False)
    before = mesh.cpu()
    sent = source.ask("paced", connection=UHD.name, count=FRAMES, rate=RATE, length=UHD.capacity, fill=True)
    received = [sink.result()["received"] for sink in sinks]
    core = (mesh.cpu() - before) / sent["seconds"]
    return {"core_percent": core * 100, "rate": FRAMES / sent["seconds"], "missed": FRAMES * SINKS - sum(received)}


def _judge(rounds: list[dict[str, Any]], copied: int) -> Outcome:
    core = statistics.median(each["core_percent"] for each in rounds)
    rate = statistics.median(each["rate"] for each in rounds)
    missed = sum(each["missed"] for each in rounds)
    return Outcome(
        value=round(core, 2),
        unit="% of a core",
        holds=missed == 0 and copied == 0 and core <= 10 and rate > 0.98 * RATE,
        shown=f"{core:.1f} % of a core, {missed} frames missed, {copied} bytes copied, {rate:.1f} frames/s",
        limit="Sixteen wake-ups per frame; that all sinks keep up depends on CPUs for them",
        details={"sinks": SINKS, "rate": RATE, "frames_per_round": FRAMES, "rounds": rounds, "bytes_copied": copied},
    )
