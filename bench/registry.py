"""The table of all cases: every row of the published page is one line here. Later ones are added the same way."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.calm import Calm
from bench.cases import (
    attach,
    cluster,
    copying_fan_out,
    dpdk,
    hub_cpu,
    import_time,
    latency,
    operator_scale,
    planning,
    small_frames,
    stalled_sink,
    uhd_fan_out,
)
from bench.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Case:
    """A row: its name for `ONLY=`, what is measured, what is aimed at, and how to find out."""

    name: str
    what: str
    target: str
    run: Callable[[Calm], Outcome]


CASES = (
    Case(
        "hub-cpu",
        "hub CPU per frame and sink, 8.3 MB frames against 64 kB frames",
        "≤ 1.2 times; ≤ 5 µs",
        hub_cpu.run,
    ),
    Case(
        "uhd-fan-out",
        "2160p 4:2:2 10-bit at 60 frames/s to 16 sinks",
        "every sink gets every frame; hub ≤ 10 % of a core; 0 bytes copied",
        uhd_fan_out.run,
    ),
    Case(
        "copying-fan-out",
        "the same against copying fan-out (a memmove per sink), 8 sinks",
        "≥ 50 times less hub CPU",
        copying_fan_out.run,
    ),
    Case(
        "latency",
        "`send` to sink has the frame, event driven, 1 kB to 33 MB",
        "the same for every size; ≤ 2 times iceoryx2's p50 and p99",
        latency.event_driven,
    ),
    Case("latency-polling", "the same with a polling hub", "≤ 1.2 times iceoryx2's p50", latency.polling),
    Case(
        "small-frames",
        "1 kB frames through the hub, native loops and Python loops on both ends",
        "≥ 2 million/s native; ≥ 150,000/s Python",
        small_frames.run,
    ),
    Case(
        "dpdk",
        "dpdk-testpmd → hub → dpdk-testpmd against testpmd ↔ testpmd, 1500 B and 60,000 B",
        "reported as CPU time per packet and rate",
        dpdk.run,
    ),
    Case(
        "stalled-sink",
        "one stalled sink (`dropOldest`) among 8: p99 latency of the other 7",
        "within 10 % of the run without it",
        stalled_sink.run,
    ),
    Case("attach", "attach to a flow with a 500 MB pool", "p99 ≤ 10 ms", attach.run),
    Case(
        "plan-10000", "`plan()` for 10,000 connections of 5 pods each on 200 nodes", "≤ 1 s, and linear", planning.run
    ),
    Case(
        "operator-scale",
        "operator with 1,000 connections on 200 nodes and 5,000 pods: cold start to all plans delivered, then rest",
        "≤ 20 s; ≤ 200 MiB; ≤ 3 % of a core and no API writes at rest",
        operator_scale.run,
    ),
    Case(
        "operator-change",
        "one change among those 1,000 to its node's agent having the plan",
        "only the nodes concerned get a plan; p95 ≤ 200 ms",
        operator_scale.change,
    ),
    Case(
        "cluster-ready",
        "on a real cluster of two nodes: apply of a connection, whose pods run, to `Ready`",
        "p95 ≤ 1 s",
        cluster.ready,
    ),
    Case("cluster-first-frame", "there: a sink's pod is ready, to its first frame", "p95 ≤ 1 s", cluster.first_frame),
    Case(
        "cluster-rest",
        "there: agent and hub of a node at rest, together, over a minute",
        "≤ 150 MiB; ≤ 1 % of a core",
        cluster.rest,
    ),
    Case("import", "`import mediamesh`", "≤ 80 ms, no NumPy imported", import_time.run),
)
