"""The histogram of latencies: what a bucket means, and percentiles."""

from itertools import pairwise

import pytest
from native_peers import Node, acquire, take

from mediamesh_native.latency import BUCKETS, percentile, upper_bound


def test_buckets_grow_by_quarter_octaves() -> None:
    bounds = [upper_bound(bucket) for bucket in range(BUCKETS)]
    assert bounds[:6] == [1024, 1280, 1536, 1792, 2048, 2560]
    assert bounds == sorted(set(bounds))
    assert all(later / earlier <= 1.25 for earlier, later in pairwise(bounds))
    assert bounds[-2] > 10e9


@pytest.mark.parametrize(
    ("histogram", "share", "found"),
    [
        ([], 0.5, None),
        ([0] * BUCKETS, 0.99, None),
        ([1], 0.5, 0),
        ([0, 0, 5], 0.01, 2),
        ([50, 49, 1], 0.5, 0),
        ([50, 49, 1], 0.51, 1),
        ([50, 49, 1], 0.99, 1),
        ([50, 49, 1], 0.995, 2),
        ([1] * BUCKETS, 1.0, BUCKETS - 1),
    ],
)
def test_a_percentile_is_the_upper_bound_of_its_bucket(histogram: list[int], share: float, found: int | None) -> None:
    assert percentile(histogram, share) == (None if found is None else upper_bound(found))


def test_the_client_counts_every_frame_in_one_bucket_and_the_engine_reads_it() -> None:
    with Node() as node:
        flow = node.flow()
        source, sink = node.source(flow), node.sink(flow)
        for _ in range(20):
            frame = acquire(source)
            frame.length = 0
            frame.send()
            take(sink).release()
        counters = node.engine.counters(sink.number)
        assert (len(counters.latency), sum(counters.latency), counters.received) == (BUCKETS, 20, 20)
        assert counters.latency[BUCKETS - 1] == 0
        assert node.engine.counters(source.number).latency == ()
