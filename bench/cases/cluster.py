"""The chart on a real cluster of two nodes: how quick it is, and what agent and hub take at rest.

The cluster is the one of the end-to-end tests, on this machine, whose CPUs it shares with everything else that runs
there: API server, kubelets, containers. All rows are of one measurement. It needs root, without which the case breaks
and says so, and the programs of `make e2e`, which are built the first time.
"""

import dataclasses
import functools
import statistics
from typing import Any

from bench.calm import Calm
from bench.outcome import Outcome
from bench.turns import percentile
from mediamesh_e2e.release.figures import Figures, Size, measure

MOST_SECONDS, MOST_MIB, MOST_CPU = 1.0, 150.0, 1.0
_measure = functools.cache(measure)


def ready(calm: Calm) -> Outcome:
    """From the write of a connection, whose pods run, to its condition Ready."""
    times = _figures(calm).apply_to_ready
    return _quick(
        times,
        f"p95 {percentile(times, 0.95):.2f} s, p50 {statistics.median(times):.2f} s of {len(times)}",
        "The report of the node after the source has attached, and the write of the status; each goes through Python",
        {"seconds": times},
    )


def first_frame(calm: Calm) -> Outcome:
    """From a sink's pod being Ready to its first frame, of a flow that runs."""
    figures = _figures(calm)
    times, whole = figures.ready_to_frame, figures.from_begin
    return _quick(
        times,
        f"p95 {percentile(times, 0.95):.2f} s; from the begin of its container p95 {percentile(whole, 0.95):.2f} s, "
        f"p50 {statistics.median(whole):.2f} s",
        "The start of Python and its imports in the pod; the hub has heard of the pod before",
        {"from_ready": times, "from_begin": whole},
    )


def rest(calm: Calm) -> Outcome:
    """Memory and CPU of the containers agent and hub of a node without flows."""
    found = _figures(calm).rest
    return Outcome(
        value=round(found.resident, 1),
        unit="MiB, resident",
        holds=found.resident <= MOST_MIB and found.cpu <= MOST_CPU,
        shown=f"{found.resident:.0f} MiB (proportional: {found.proportional:.0f}), {found.cpu:.2f} % of a core",
        limit="Two Python interpreters and what they import; the agent looks at the hub four times a second",
        details=dataclasses.asdict(found),
    )


def _quick(times: list[float], shown: str, limit: str, details: dict[str, Any]) -> Outcome:
    worst = percentile(times, 0.95)
    return Outcome(round(worst, 3), "s, p95", worst <= MOST_SECONDS, shown, limit, details=details)


def _figures(calm: Calm) -> Figures:
    calm.wait()
    return _measure(Size())
