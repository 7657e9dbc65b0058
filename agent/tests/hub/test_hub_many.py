"""Hundreds of small flows and a few huge ones in one hub, each with its applications."""

import resource
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.plans import flow, lossless
from mediamesh_testing.waiting import PATIENCE

import mediamesh
from mediamesh_core.formats import BlobFormat, to_json
from mediamesh_protos import plan_pb2

SMALL, HUGE = 200, 3
FILES = 20 * (SMALL + HUGE)
"""That the applications here have open at most; an end has seven."""


@pytest.fixture
def enough_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < FILES:
        pytest.fail(f"so many flows need {FILES} open files: `ulimit -Hn` says {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, FILES), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def of(number: int, size: int) -> plan_pb2.FlowPlan:
    return flow(f"default/flow-{number}", frames=12, capacity=size, payload=to_json(BlobFormat(size)))


def test_hundreds_of_small_flows_and_a_few_huge_ones(enough_files: None, hub: HubUnderTest) -> None:
    sizes = [1000] * SMALL + [8 << 20] * HUGE
    hub.apply(*(of(number, size) for number, size in enumerate(sizes)), lossless())
    with ExitStack() as opened:
        names = [f"flow-{number}" for number in range(len(sizes))]
        sinks = [opened.enter_context(mediamesh.open_sink(name, timeout=PATIENCE)) for name in names]
        sources = [opened.enter_context(mediamesh.open_source(name, timeout=PATIENCE)) for name in names]
        for turn in range(3):
            for number, (source, size) in enumerate(zip(sources, sizes, strict=True)):
                source.send(b"%d in %d" % (turn, number) + bytes(size // 2), timeout=PATIENCE)
            for number, sink in enumerate(sinks):
                with sink.receive(timeout=PATIENCE) as frame, memoryview(frame) as view:
                    assert bytes(view).startswith(b"%d in %d\0" % (turn, number))
            hub.succeed()
    flows = [one for one in hub.observe().flows if one.connection != "default/cam"]
    assert [one.frames for one in flows] == [3] * len(sizes)
