"""Metrics in Prometheus' words; each is defined once, in `mediamesh_core.monitoring`.

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

from mediamesh_core.monitoring import Metric
from mediamesh_core.monitoring import operator as defined
from mediamesh_core.monitoring.metric import BUILD_INFO

_STEPS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Picture:
    """What is, at the moment of a scrape."""

    leader: bool = False
    queue_depth: int = 0
    agents: int = 0
    certificate_ends: float | None = None
    """Of what agents are shown, in seconds since the epoch; None: there is none."""
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
        told = defined.RECONCILE
        self.reconcile_seconds = Histogram(told.name, told.help, buckets=_STEPS, registry=self.registry)
        self.refused = self._counter(defined.REFUSED)
        self.plans = self._counter(defined.PLANS)
        self.writes = self._counter(defined.WRITES)
        self.reports = self._counter(defined.REPORTS)
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def show(self, picture: Callable[[], Picture]) -> None:
        """Ask `picture` at every scrape."""
        self.registry.register(_Facts(picture))

    def _counter(self, metric: Metric) -> Counter:
        return Counter(metric.name, metric.help, metric.labels, registry=self.registry)


class _Facts(Collector):
    def __init__(self, picture: Callable[[], Picture]) -> None:
        self._picture = picture

    def collect(self) -> Iterator[GaugeMetricFamily]:
        now = self._picture()
        yield _gauge(BUILD_INFO, (((version("mediamesh-operator"), platform.python_version()), 1.0),))
        yield _single(defined.LEADER, now.leader)
        yield _single(defined.QUEUE, now.queue_depth)
        yield _single(defined.AGENTS, now.agents)
        if now.certificate_ends is not None:
            yield _single(defined.CERTIFICATE, now.certificate_ends)
        yield _gauge(defined.CONDITIONS, ((labels, 1.0) for labels in now.conditions))


def _single(metric: Metric, value: float) -> GaugeMetricFamily:
    return _gauge(metric, (((), float(value)),))


def _gauge(metric: Metric, samples: Iterable[tuple[tuple[str, ...], float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family
