"""Flows whose pools lie on the kernel's huge pages, where the plan asks for it."""

import contextlib
import mmap
from collections.abc import Iterator
from pathlib import Path

import pytest
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.hugepages import HUGE_PAGE, huge_pages
from mediamesh_testing.plans import flow
from mediamesh_testing.rawclient import RawClient
from mediamesh_testing.waiting import PATIENCE, wait_until

import mediamesh

RESERVED = 8


def pages_of_pools(hub: HubUnderTest) -> set[int]:
    """Return the sizes of a page that the hub's pools have."""
    sizes = set()
    for descriptor in Path(f"/proc/{hub.process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            if "mediamesh-pool" in str(descriptor.readlink()):
                sizes.add(descriptor.stat().st_blksize)
    return sizes


@pytest.fixture
def reserved() -> Iterator[int]:
    with huge_pages(RESERVED) as free:
        yield free


def test_frames_flow_through_huge_pages_that_nobody_else_can_write(reserved: int, hub: HubUnderTest) -> None:
    hub.apply(flow(huge_pages=True))
    with mediamesh.open_sink("cam") as taking, mediamesh.open_source("cam") as feeding:
        for turn in (b"of the first hub", b"of its successor"):
            assert pages_of_pools(hub) == {HUGE_PAGE}
            feeding.send(turn, timeout=PATIENCE)
            with taking.receive(timeout=PATIENCE) as frame:
                assert (bytes(frame), frame.flags) == (turn, 0)
            hub.succeed()
        with RawClient(hub.root) as consumer:
            consumer.attach("sink")
            while max(consumer.regions) == 0:
                consumer.step()
            pool = consumer.regions[max(consumer.regions)]
            with pytest.raises(PermissionError):
                mmap.mmap(pool.fd, pool.size)
        assert hub.flow().sealed
    hub.apply(revision=2)
    wait_until(lambda: not pages_of_pools(hub), "the pages to be given back")


def test_where_there_are_too_few_that_flow_alone_is_refused(reserved: int, hub: HubUnderTest) -> None:
    too_large = flow("default/large", huge_pages=True, frames=reserved + 1, capacity=HUGE_PAGE)
    (error,) = hub.offer(flow(), too_large).errors
    assert (error.connection, error.reason) == ("default/large", "HugePagesShort")
    assert "vm.nr_hugepages" in error.message
    with mediamesh.open_sink("cam") as taking, mediamesh.open_source("cam") as feeding:
        feeding.send(b"as always", timeout=PATIENCE)
        with taking.receive(timeout=PATIENCE) as frame:
            assert bytes(frame) == b"as always"
