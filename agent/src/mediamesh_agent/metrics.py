"""Metrics in Prometheus' words, made from what the agent knows at the moment it is asked.

Every metric is defined once, in `mediamesh_core.monitoring`, beside the alerts and the dashboard that name it.
Counters per endpoint come from the ledger, so they only grow while the agent lives. The latency histogram keeps one
bucket per octave of the hub's quarter-octave buckets; its sum is reckoned from the middles of the fine buckets and so
is right to about a tenth.
"""

import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from importlib.metadata import version
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from mediamesh_agent.agent import Agent
from mediamesh_agent.errors import MetricUndefined
from mediamesh_core.monitoring import AGENT_METRICS, Metric
from mediamesh_core.states import BridgeState, FlowState
from mediamesh_native.latency import BUCKETS, upper_bound
from mediamesh_protos import hub_pb2

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily
Sample = tuple[Sequence[str], float]
_OCTAVE: Final = 4


_BY_NAME: Final = {metric.name: metric for metric in AGENT_METRICS}


class AgentCollector(Collector):
    """Gives `prometheus_client` the families of one agent."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def collect(self) -> Iterable[Family]:
        """Return all families; those of the hub are absent while no hub answers."""
        facts = self._agent.facts
        observed = facts.observed
        yield family("mediamesh_build_info", [((version("mediamesh-agent"), platform.python_version()), 1)])
        yield single("mediamesh_agent_hub_starts_total", facts.hub_starts)
        yield single("mediamesh_agent_problems", len(facts.problems))
        yield single("mediamesh_hub_up", observed is not None)
        yield from self._totals()
        if observed is not None:
            yield from _hub(observed)
            yield from _flows(observed)
            yield from _attachments(observed)
            yield from _bridges(observed)

    def _totals(self) -> Iterator[Family]:
        ledger = self._agent.facts.ledger
        sources = {(flow.connection, flow.source.name) for flow in self._agent.desired.plan.flows}
        endpoints = ledger.endpoints()
        sinks = {key: counted for key, counted in endpoints.items() if key not in sources}
        ways = [((*key, "in" if key in sources else "out"), counted) for key, counted in endpoints.items()]
        yield family("mediamesh_hub_frames_total", [(labels, counted.frames) for labels, counted in ways])
        yield family("mediamesh_hub_bytes_total", [(labels, counted.bytes) for labels, counted in ways])
        yield family("mediamesh_hub_frames_received_total", [(key, sink.received) for key, sink in sinks.items()])
        yield family("mediamesh_hub_frames_damaged_total", [(key, sink.damaged) for key, sink in sinks.items()])
        dropped = [((*key, "QueueFull"), sink.dropped) for key, sink in sinks.items()]
        yield family("mediamesh_hub_frames_dropped_total", dropped)
        yield family("mediamesh_hub_reattached_total", [(key, end.reattached) for key, end in endpoints.items()])
        yield family("mediamesh_hub_attachments_ended_total", list(ledger.ends().items()))
        latency = _histogram("mediamesh_hub_frame_latency_seconds")
        for key, sink in sinks.items():
            latency.add_metric(key, *octaves(sink.latency))
        yield latency


def octaves(histogram: Sequence[int]) -> tuple[list[tuple[str, float]], float]:
    """Return cumulative buckets (seconds), one per octave, and the approximate sum of the values."""
    buckets, total = [], 0
    for bucket, count in enumerate(histogram):
        total += count
        if bucket % _OCTAVE == 0 and bucket < BUCKETS - 1:
            buckets.append((repr(upper_bound(bucket) / 1e9), float(total)))
    buckets.append(("+Inf", float(total)))
    return buckets, sum(count * _middle(bucket) for bucket, count in enumerate(histogram) if count) / 1e9


@cache
def _middle(bucket: int) -> float:
    lower = upper_bound(bucket - 1) if bucket else 0
    return (lower + upper_bound(bucket)) / 2


def _hub(observed: hub_pb2.Observed) -> Iterator[Family]:
    fields = {
        "mediamesh_hub_plan_revision": observed.revision,
        "mediamesh_hub_start_timestamp_seconds": observed.started,
        "mediamesh_hub_handovers_total": observed.handovers,
        "mediamesh_hub_engine_cpu_seconds_total": observed.engine_cpu_seconds,
        "mediamesh_hub_engine_wakeups_total": observed.engine_wakeups,
        "mediamesh_hub_engine_signals_total": observed.engine_signals,
        "mediamesh_hub_bytes_copied_total": observed.bytes_copied,
        "mediamesh_hub_memory_bytes": observed.memory_bytes,
        "mediamesh_hub_memory_limit_bytes": observed.memory_limit_bytes,
    }
    return (single(name, value) for name, value in fields.items())


def _flows(observed: hub_pb2.Observed) -> Iterator[Family]:
    states = [((flow.connection, state), flow.state == state) for flow in observed.flows for state in FlowState]
    yield family("mediamesh_hub_flow_state", states)
    fields: dict[str, Callable[[hub_pb2.ObservedFlow], float]] = {
        "mediamesh_hub_pool_frames": lambda flow: flow.pool_frames,
        "mediamesh_hub_pool_free_frames": lambda flow: flow.pool_free,
        "mediamesh_hub_pool_bytes": lambda flow: flow.pool_bytes,
        "mediamesh_hub_pool_sealed": lambda flow: flow.sealed,
    }
    for name, field in fields.items():
        yield family(name, [((flow.connection,), field(flow)) for flow in observed.flows])


def _attachments(observed: hub_pb2.Observed) -> Iterator[Family]:
    count: dict[tuple[str, str], int] = {}
    fullest: dict[tuple[str, str], float] = {}
    for flow in observed.flows:
        for attachment in flow.attachments:
            key = (flow.connection, attachment.endpoint)
            count[key] = count.get(key, 0) + 1
            fullest[key] = max(fullest.get(key, 0.0), attachment.occupancy / max(attachment.queue, 1))
    yield family("mediamesh_hub_attachments", list(count.items()))
    yield family("mediamesh_hub_ring_occupancy_ratio", list(fullest.items()))


def _bridges(observed: hub_pb2.Observed) -> Iterator[Family]:
    named = [((bridge.connection, bridge.endpoint, bridge.bridge), bridge) for bridge in observed.bridges]
    yield family("mediamesh_bridge_restarts_total", [(labels, bridge.restarts) for labels, bridge in named])
    states = [((*labels, state), bridge.state == state) for labels, bridge in named for state in BridgeState]
    yield family("mediamesh_bridge_state", states)


def single(name: str, value: float) -> Family:
    """Return a metric without labels."""
    return family(name, [((), value)])


def family(name: str, samples: Iterable[Sample]) -> CounterMetricFamily | GaugeMetricFamily:
    """Return a metric with its samples; raises MetricUndefined if it is not in AGENT_METRICS."""
    metric = _definition(name)
    make = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = make(metric.name, metric.help, labels=metric.labels)
    for labels, value in samples:
        family.add_metric(labels, float(value))
    return family


def _histogram(name: str) -> HistogramMetricFamily:
    metric = _definition(name)
    return HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)


def _definition(name: str) -> Metric:
    try:
        return _BY_NAME[name]
    except KeyError as error:
        raise MetricUndefined(f"{name} is not in AGENT_METRICS") from error
