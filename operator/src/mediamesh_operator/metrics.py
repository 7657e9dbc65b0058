"""Metrics in Prometheus' words; each is defined once, here.

Counters and histograms are kept where things happen (`Metrics`); what is a matter of fact is asked for at the moment
of a scrape (`Picture`), so that nothing is left over from connections that are gone.
"""

import platform
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, GCCollector, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

_STEPS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Picture:
    """What is, at the moment of a scrape."""

    leader: bool = False
    queue_depth: int = 0
    agents: int = 0
    conditions: Iterable[tuple[str, str, str, str]] = ()
    """Namespace, name, condition, status of every condition of every connection."""


@dataclass(slots=True)
class Metrics:
    """What happened."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    reconcile_seconds: Histogram = field(init=False)
    refused: Counter = field(init=False)
    plans: Counter = field(init=False)
    writes: Counter = field(init=False)
    reports: Counter = field(init=False)

    def __post_init__(self) -> None:
        self.reconcile_seconds = Histogram(
            "mediamesh_operator_reconcile_duration_seconds",
            "From taking a batch of changes to its plans being handed out.",
            buckets=_STEPS,
            registry=self.registry,
        )
        self.refused = self._counter("refused_total", "Agents and others that were sent away.", "reason")
        self.plans = self._counter("plans_sent_total", "Node plans sent to agents.")
        self.writes = self._counter("reconcile_total", "Objects that had to be written, by result.", "kind", "result")
        self.reports = self._counter("reports_total", "Reports taken from agents.")
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def show(self, picture: Callable[[], Picture]) -> None:
        """Ask `picture` at every scrape."""
        self.registry.register(_Facts(picture))

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"mediamesh_operator_{name}", text, labels, registry=self.registry)


class _Facts(Collector):
    def __init__(self, picture: Callable[[], Picture]) -> None:
        self._picture = picture

    def collect(self) -> Iterator[GaugeMetricFamily]:
        now = self._picture()
        info = GaugeMetricFamily("mediamesh_build_info", "Always 1; what runs here.", labels=("version", "python"))
        info.add_metric((version("mediamesh-operator"), platform.python_version()), 1)
        yield info
        yield _gauge("mediamesh_operator_leader", "1 while this replica leads.", now.leader)
        yield _gauge("mediamesh_operator_workqueue_depth", "Keys that wait for being looked at.", now.queue_depth)
        yield _gauge("mediamesh_operator_agents_connected", "Agents with an open stream.", now.agents)
        conditions = GaugeMetricFamily(
            "mediamesh_connection_status_condition",
            "1 for the status that a connection's condition has.",
            labels=("namespace", "name", "condition", "status"),
        )
        for labels in now.conditions:
            conditions.add_metric(labels, 1)
        yield conditions


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=float(value))
