from pathlib import Path

import pytest
from agent_observations import FILM, attachment, histogram, observed
from agent_scenes import knowing
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from mediamesh_agent import metrics
from mediamesh_agent.errors import MetricUndefined
from mediamesh_agent.local import LocalAgent
from mediamesh_agent.metrics import AgentCollector, octaves
from mediamesh_agent.node.folders import PodFolders
from mediamesh_agent.node.metrics import NodeCollector
from mediamesh_agent.node.received import Received
from mediamesh_agent.node.stream import OperatorStream, Place
from mediamesh_core.monitoring import AGENT_METRICS
from mediamesh_native.latency import BUCKETS
from mediamesh_protos import agents_pb2, hub_pb2


def stream(agent: LocalAgent) -> OperatorStream:
    """A stream to the operator that was closed once."""
    place, received = Place("operator:8443", Path("ca.crt"), Path("token")), Received("here")
    made = OperatorStream(place, "here", agents_pb2.NodeFacts, agent, received, random=lambda: 0.0)
    made.ended["Closed"] += 1
    return made


def scraped(agent: LocalAgent) -> dict[str, Metric]:
    registry = CollectorRegistry()
    registry.register(AgentCollector(agent))
    registry.register(NodeCollector(stream(agent), PodFolders(Path("pods"))))
    return {family.name: family for family in text_string_to_metric_families(generate_latest(registry).decode())}


def value(families: dict[str, Metric], sample: str, **labels: str) -> float:
    (found,) = (
        each.value
        for family in families.values()
        for each in family.samples
        if (each.name, each.labels) == (sample, labels)
    )
    return found


@pytest.fixture
def agent(tmp_path: Path) -> LocalAgent:
    bridge = hub_pb2.ObservedBridge(connection=FILM, endpoint="film", bridge="file", pid=9, state="Running", restarts=2)
    source = attachment(1, "film", 120, role="source", received=0, bytes=1200)
    sink = attachment(
        2, "checker", 110, bytes=1100, damaged=2, dropped=4, occupancy=3, reattached=1, latency=histogram(b1=100, b40=6)
    )
    ended = [hub_pb2.ObservedEnd(connection=FILM, endpoint="page", reason="BadReturn", count=3)]
    return knowing(
        tmp_path,
        observed(source, sink, frames=120, size=10, bridges=[bridge], ended=ended, engine_cpu_seconds=1.5, handovers=2),
    )


def test_counters_of_sources_and_sinks_have_their_direction(agent: LocalAgent) -> None:
    families = scraped(agent)
    source, sink = {"connection": FILM, "endpoint": "film"}, {"connection": FILM, "endpoint": "checker"}
    assert value(families, "mediamesh_hub_frames_total", **source, direction="in") == 120
    assert value(families, "mediamesh_hub_frames_total", **sink, direction="out") == 110
    assert value(families, "mediamesh_hub_bytes_total", **source, direction="in") == 1200
    assert value(families, "mediamesh_hub_bytes_total", **sink, direction="out") == 1100
    assert value(families, "mediamesh_hub_frames_received_total", **sink) == 110
    assert value(families, "mediamesh_hub_frames_damaged_total", **sink) == 2
    assert value(families, "mediamesh_hub_frames_dropped_total", **sink, reason="QueueFull") == 4
    assert value(families, "mediamesh_hub_reattached_total", **sink) == 1
    assert value(families, "mediamesh_hub_ring_occupancy_ratio", **sink) == 0.75
    assert value(families, "mediamesh_hub_attachments", **sink) == 1


def test_the_hub_its_pools_and_bridges_are_there(agent: LocalAgent) -> None:
    families = scraped(agent)
    bridge = {"connection": FILM, "endpoint": "film", "bridge": "file"}
    assert value(families, "mediamesh_hub_up") == 1
    assert value(families, "mediamesh_hub_engine_cpu_seconds_total") == 1.5
    assert value(families, "mediamesh_hub_handovers_total") == 2
    assert value(families, "mediamesh_hub_pool_free_frames", connection=FILM) == 15
    assert value(families, "mediamesh_hub_pool_sealed", connection=FILM) == 1
    assert value(families, "mediamesh_hub_flow_state", connection=FILM, state="Flowing") == 1
    assert value(families, "mediamesh_hub_flow_state", connection=FILM, state="Failed") == 0
    assert value(families, "mediamesh_bridge_restarts_total", **bridge) == 2
    assert value(families, "mediamesh_bridge_state", **bridge, state="Running") == 1
    ended = {"connection": FILM, "endpoint": "page", "reason": "BadReturn"}
    assert value(families, "mediamesh_hub_attachments_ended_total", **ended) == 3


def test_latency_is_a_histogram_in_seconds(agent: LocalAgent) -> None:
    families = scraped(agent)
    family = families["mediamesh_hub_frame_latency_seconds"]
    assert family.type == "histogram"
    sink = {"connection": FILM, "endpoint": "checker"}
    assert value(families, "mediamesh_hub_frame_latency_seconds_count", **sink) == 106
    buckets = [
        each for each in family.samples if each.name.endswith("_bucket") and each.labels["endpoint"] == "checker"
    ]
    counts = [each.value for each in buckets]
    assert counts == sorted(counts)
    assert buckets[-1].labels["le"] == "+Inf"
    assert value(families, "mediamesh_hub_frame_latency_seconds_bucket", **sink, le="2.048e-06") == 100


def test_everything_that_is_exposed_is_defined_and_the_reverse(agent: LocalAgent) -> None:
    defined = {metric.name.removesuffix("_total"): metric for metric in AGENT_METRICS}
    families = scraped(agent)
    assert families.keys() == defined.keys()
    for name, family in families.items():
        assert family.type == defined[name].kind
        for sample in family.samples:
            assert sample.labels.keys() - {"le"} == set(defined[name].labels)


def test_without_a_hub_the_totals_stay_and_the_hub_is_down(agent: LocalAgent) -> None:
    agent.facts.observed = None
    families = scraped(agent)
    assert value(families, "mediamesh_hub_up") == 0
    assert value(families, "mediamesh_hub_frames_total", connection=FILM, endpoint="checker", direction="out") == 110
    assert "mediamesh_hub_pool_frames" not in families


def test_counters_do_not_fall_when_a_sink_leaves(agent: LocalAgent) -> None:
    later = observed(clock=200, frames=130)
    agent.facts.observed = later
    agent.facts.ledger.update(later)
    sample = {"connection": FILM, "endpoint": "checker", "direction": "out"}
    assert value(scraped(agent), "mediamesh_hub_frames_total", **sample) == 110


@given(st.lists(st.integers(0, 1000), min_size=BUCKETS, max_size=BUCKETS))
def test_octaves_count_everything_once(counts: list[int]) -> None:
    buckets, total = octaves(counts)
    values = [count for _, count in buckets]
    assert values == sorted(values)
    assert values[-1] == sum(counts)
    assert (total > 0) == (sum(counts) > 0)


def test_a_sample_without_a_definition_is_our_bug() -> None:
    with pytest.raises(MetricUndefined):
        metrics.single("mediamesh_made_up", 1)
