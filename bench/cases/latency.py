"""From `send` to the sink has the frame, beside iceoryx2, event driven or with a polling hub.

Both are paced and sleep in between; both are one Python process at each end, with the same stamp in the payload. A
frame of ours takes two wake-ups (hub, sink) and one of iceoryx2 takes one (its subscriber); a polling hub
saves ours the first. While iceoryx2 has its turn a polling hub is stopped, so that it takes no CPU from it.
"""

import contextlib
import math
import statistics
from collections.abc import Callable
from itertools import chain
from typing import Any

from bench.actor import Actor, company
from bench.calm import Calm
from bench.mesh import Flow, Mesh
from bench.outcome import Outcome
from bench.sharedmemory import own_prefix
from bench.turns import in_turns, percentile

SIZES = [1_000, 64_000, 1_000_000, 8_294_400, 33_177_600]
RATE = 500.0
MESSAGES = 100
ROUNDS = 12
MOST_SPREAD = 1.2  # of the medians of all sizes

Samples = dict[str, list[list[int]]]


def event_driven(calm: Calm) -> Outcome:
    """Measure with a hub that sleeps."""
    rounds = _measure(calm, polling=False)
    limit = "Two wake-ups against one: 1.3 times where the host wakes a sleeping CPU slowly, 2.3 where it does so fast"
    return _judge(rounds, bounds=(2.0, 2.0, MOST_SPREAD), limit=limit)


def polling(calm: Calm) -> Outcome:
    """Measure with a hub whose engine never sleeps."""
    rounds = _measure(calm, polling=True)
    limit = "One wake-up each; the polling engine needs a CPU that nobody else wants"
    return _judge(rounds, bounds=(1.2, math.inf, math.inf), limit=limit)


def _measure(calm: Calm, *, polling: bool) -> Samples:
    flows = [Flow(f"size-{size}", size) for size in SIZES]
    names = [flow.name for flow in flows]
    with own_prefix() as prefix, Mesh(*flows, polling=polling) as mesh:
        where, peer = {"root": mesh.folder, "connections": names}, {"prefix": prefix, "sizes": SIZES}
        source, sink = Actor("mesh_source", where), Actor("mesh_sink", where)
        publisher, subscriber = (Actor("iceoryx", {"role": role, **peer}) for role in ("publisher", "subscriber"))
        with company(source, sink, publisher, subscriber):
            publisher.ask("meet")
            turns = {}
            for size in SIZES:
                turns[f"mesh {size}"] = _ours(source, sink, size)
                turns[f"iceoryx2 {size}"] = _theirs(publisher, subscriber, size, mesh if polling else None)
            for turn in turns.values():
                turn()  # faults iceoryx2's memory in, and warms everything
            return in_turns(ROUNDS, turns, calm)


def _ours(source: Actor, sink: Actor, size: int) -> Callable[[], list[int]]:
    def turn() -> list[int]:
        sink.begin("follow", connection=f"size-{size}")
        source.ask("paced", connection=f"size-{size}", count=MESSAGES, rate=RATE, length=size)
        latencies: list[int] = sink.result()["latencies"]
        return latencies

    return turn


def _theirs(publisher: Actor, subscriber: Actor, size: int, polling: Mesh | None) -> Callable[[], list[int]]:
    def turn() -> list[int]:
        with polling.standing_still() if polling else contextlib.nullcontext():
            subscriber.begin("follow", size=size)
            publisher.ask("paced", size=size, count=MESSAGES, rate=RATE)
            latencies: list[int] = subscriber.result()["latencies"]
        return latencies

    return turn


def _figures(rounds: Samples, who: str) -> dict[str, Any]:
    """Return p50 and p99 in µs, over all and per size: medians over the rounds."""
    p50 = {size: _median(rounds[f"{who} {size}"], 0.5) for size in SIZES}
    pooled = {size: list(chain(*rounds[f"{who} {size}"])) for size in SIZES}
    together = [list(chain(*parts)) for parts in zip(*(rounds[f"{who} {size}"] for size in SIZES), strict=True)]
    return {
        "p50": _median(together, 0.5),
        "p99": _median(together, 0.99),
        "p50_by_size": p50,
        "p99_by_size": {size: round(percentile(pooled[size], 0.99) / 1e3, 1) for size in SIZES},
        "rounds_p50_by_size": {
            size: [round(percentile(each, 0.5) / 1e3, 1) for each in rounds[f"{who} {size}"]] for size in SIZES
        },
        "rounds_p50": [round(percentile(each, 0.5) / 1e3, 1) for each in together],
        "rounds_p99": [round(percentile(each, 0.99) / 1e3, 1) for each in together],
        "size_spread": _size_spread(rounds, who),
    }


def _size_spread(rounds: Samples, who: str) -> float:
    """Return the largest to the smallest p50 of all sizes, each measured by the others of its own round."""
    by_round = zip(*([percentile(each, 0.5) for each in rounds[f"{who} {size}"]] for size in SIZES), strict=True)
    relative = [[each / statistics.median(sizes) for each in sizes] for sizes in by_round]
    medians = [statistics.median(of_a_size) for of_a_size in zip(*relative, strict=True)]
    return float(max(medians) / min(medians))


def _median(rounds: list[list[int]], share: float) -> float:
    return round(statistics.median(percentile(each, share) for each in rounds) / 1e3, 1)


def _judge(rounds: Samples, *, bounds: tuple[float, float, float], limit: str) -> Outcome:
    """Judge the ratios of p50 and p99, and the spread over the sizes."""
    ours, theirs = _figures(rounds, "mesh"), _figures(rounds, "iceoryx2")
    middle, tail = ours["p50"] / theirs["p50"], ours["p99"] / theirs["p99"]
    ratios = (middle, tail, ours["size_spread"])
    return Outcome(
        value=ours["p50"],
        unit="µs, p50",
        holds=all(ratio <= bound for ratio, bound in zip(ratios, bounds, strict=True)),
        shown=(
            f"p50 {ours['p50']} µs ({middle:.2f} times {theirs['p50']}), p99 {ours['p99']} µs ({tail:.2f} times "
            f"{theirs['p99']}); largest to smallest p50 of all sizes {ours['size_spread']:.2f}"
        ),
        limit=limit,
        peer="iceoryx2",
        peer_value=theirs["p50"],
        details={"rate": RATE, "messages": MESSAGES, "sizes": SIZES, "mesh": ours, "iceoryx2": theirs},
    )
