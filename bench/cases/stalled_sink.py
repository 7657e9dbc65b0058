"""A sink that stands still must not be felt by the others.

Eight sinks take paced frames; in every other turn one of them is stopped by SIGSTOP, so that its queue fills up and the
hub withdraws frames from it (`dropOldest`). Compared is the p99 latency of the other seven, which are the same seven in
every turn.
"""

import statistics

from bench.actor import Actor, company
from bench.calm import Calm
from bench.mesh import Flow, Mesh
from bench.outcome import Outcome
from bench.turns import in_turns, percentile, spread

SINKS = 8
RATE = 200.0
FRAMES = 300
ROUNDS = 10
CLOSE = 1.1
HD = Flow("hd", 1920 * 1080 * 4, sinks=SINKS)


def run(calm: Calm) -> Outcome:
    """Take turns with and without the stall."""
    with Mesh(HD) as mesh:
        where = {"root": mesh.folder, "connections": [HD.name]}
        source = Actor("mesh_source", where)
        sinks = [Actor("mesh_sink", where) for _ in range(SINKS)]
        with company(source, *sinks):
            turns = {
                "all awake": lambda: _round(source, sinks, stall=False),
                "one stalled": lambda: _round(source, sinks, stall=True),
            }
            _round(source, sinks, stall=False)
            rounds = in_turns(ROUNDS, turns, calm)
    return _judge(rounds["all awake"], rounds["one stalled"])


def _round(source: Actor, sinks: list[Actor], *, stall: bool) -> list[int]:
    """Return the latencies of all sinks but the first."""
    first, *others = sinks
    for sink in sinks:
        sink.begin("follow", connection=HD.name)
    if stall:
        first.stop()
    source.ask("paced", connection=HD.name, count=FRAMES, rate=RATE, length=HD.capacity)
    results = [sink.result() for sink in others]
    first.go_on()
    if first.result()["dropped"] == 0 and stall:
        raise RuntimeError("the first sink was stopped and missed nothing")
    return [latency for result in results for latency in result["latencies"]]


def _judge(awake: list[list[int]], stalled: list[list[int]]) -> Outcome:
    without, beside = ([percentile(each, 0.99) / 1e3 for each in rounds] for rounds in (awake, stalled))
    ours, theirs = statistics.median(beside), statistics.median(without)
    return Outcome(
        value=round(ours / theirs, 3),
        unit="times the p99 without",
        holds=ours <= CLOSE * theirs,
        shown=f"p99 {ours:.0f} µs beside a stalled sink, {theirs:.0f} µs without ({ours / theirs:.2f} times)",
        limit="Seven sinks wake up at once on the CPUs that there are; the stall itself adds nothing to their way",
        peer="no stalled sink",
        peer_value=1.0,
        details={
            "sinks": SINKS,
            "rate": RATE,
            "frames": FRAMES,
            "awake_us": spread(without),
            "stalled_us": spread(beside),
        },
    )
