"""The operator with 200 nodes, 1,000 connections and 5,000 pods: its start, its rest, and what one change takes.

The Kubernetes is the one of the end-to-end tests, with nodes and pods that kwok plays and simulated agents; API server
and operator are real. All of it shares the CPUs of this machine. Both rows are of one measurement, in one cluster. It
needs root, without which the case breaks and says so, and the programs of `make e2e`, which are built the first time.
"""

import dataclasses
import functools

from bench.calm import Calm
from bench.outcome import Outcome
from mediamesh_e2e.scale.figures import Figures, Size, measure

START, MEMORY, REST, CHANGE = 20.0, 200.0, 3.0, 200.0
_measure = functools.cache(measure)


def run(calm: Calm) -> Outcome:
    """From the start of the process to all plans delivered, and what it takes afterwards."""
    found = _figures(calm)
    memory = max(found.memory, found.rest_memory)
    return Outcome(
        value=round(found.all_planned, 1),
        unit="s",
        holds=found.all_planned <= START and memory <= MEMORY and found.rest_cpu <= REST and found.rest_writes == 0,
        shown=f"{found.all_planned:.1f} s ({found.cold_cpu:.1f} s of CPU), {memory:.0f} MiB, "
        f"{found.rest_cpu:.1f} % of a core at rest, {found.rest_writes} writes",
        limit="Imports, JSON of the pods, 200 TLS handshakes with reviews; then kopf's task for each status written",
        details=dataclasses.asdict(found),
    )


def change(calm: Calm) -> Outcome:
    """From the write of a connection to its node's agent having the plan."""
    found = _figures(calm)
    return Outcome(
        value=round(found.change_p95_ms, 1),
        unit="ms, p95",
        holds=found.change_p95_ms <= CHANGE and found.strays == 0,
        shown=f"p95 {found.change_p95_ms:.0f} ms, p50 {found.change_p50_ms:.0f} ms; {found.strays} plans to others",
        limit="The API server's write and watch, and the 20 ms in which further changes are waited for",
        details=dataclasses.asdict(found),
    )


def _figures(calm: Calm) -> Figures:
    calm.wait()
    return _measure(Size())
