"""Pools and ring regions: geometry, adoption, and memory that is not to be had."""

import ctypes
import errno
import gc
import mmap
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

import pytest
from mediamesh_testing.hugepages import HUGE_PAGE, huge_pages
from memif_ends import open_descriptors, owned

from mediamesh_native.pool import HEADER_SIZE, Pool, PoolError, RingRegion
from mediamesh_native.port import live_objects

TOO_LARGE = [
    (1 << 20, 4096),
    (1, 1 << 32),
    (1 << 31, 1 << 40),
    (1 << 40, 1),
    (1, 1 << 70),
    (0, 4096),
    (4, 0),
    (-1, 4096),
]


@pytest.mark.parametrize(("capacity", "stride"), [(1, 8192), (4096, 8192), (4097, 12288), (8_294_400, 8_298_496)])
def test_every_frame_has_a_header_page_and_whole_pages_for_its_payload(capacity: int, stride: int) -> None:
    with closing(Pool(3, capacity)) as pool:
        assert (pool.frames, pool.capacity, pool.stride, pool.size) == (3, capacity, stride, 3 * stride)
        assert stride == HEADER_SIZE + -(-capacity // 4096) * 4096
        status = os.fstat(pool.fd)
        assert (status.st_size, status.st_blocks * 512) == (pool.size, pool.size)  # in memory already


def test_every_page_of_a_pool_is_clear_before_anybody_maps_it() -> None:
    with closing(Pool(3, (1 << 20) + 1)) as pool, mmap.mmap(pool.fd, pool.size) as mapped:
        pages = (ctypes.c_ubyte * (pool.size // mmap.PAGESIZE))()
        start = ctypes.addressof(probe := ctypes.c_char.from_buffer(mapped))
        assert ctypes.CDLL(None).mincore(ctypes.c_void_p(start), ctypes.c_size_t(pool.size), pages) == 0
        del probe
        assert set(pages) == {1}


@pytest.mark.parametrize(("frames", "capacity"), TOO_LARGE)
def test_a_pool_that_offsets_cannot_reach_is_refused(frames: int, capacity: int) -> None:
    before = open_descriptors()
    with pytest.raises(PoolError) as caught:
        Pool(frames, capacity)
    assert (caught.value.reason, open_descriptors()) == ("PoolTooLarge", before)


def test_huge_pages_that_are_not_there_are_refused() -> None:
    with huge_pages(0) as free:
        before = open_descriptors()
        with pytest.raises(PoolError) as caught:
            Pool(free + 1, HUGE_PAGE, huge_pages=True)
        assert caught.value.reason == "HugePagesShort"
        assert open_descriptors() == before


@pytest.fixture
def some_huge_pages() -> Iterator[None]:
    with huge_pages(8):
        yield


@pytest.mark.usefixtures("some_huge_pages")
def test_a_pool_lies_on_huge_pages_and_can_be_sealed_there() -> None:
    pool = Pool(4, 1 << 20, huge_pages=True)
    try:
        assert pool.size % HUGE_PAGE == 0
        with mmap.mmap(pool.fd, pool.size) as producer:
            producer[:3] = b"abc"
            pool.seal()
            producer[3:4] = b"d"
            with pytest.raises(PermissionError):
                mmap.mmap(pool.fd, pool.size)
            with mmap.mmap(pool.fd, pool.size, prot=mmap.PROT_READ) as consumer:
                assert consumer[:4] == b"abcd"
    finally:
        pool.close()


LIMITED = """
import os, resource
from mediamesh_native.pool import Pool, PoolError
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
before = os.listdir("/proc/self/fd")
try:
    Pool(300, 4096)
except PoolError as error:
    print(error.reason, os.listdir("/proc/self/fd") == before)
"""


def test_memory_that_is_not_to_be_had_is_refused() -> None:
    done = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, check=True)
    assert done.stdout == "OutOfMemory True\n"


def test_a_descriptor_that_is_too_small_is_not_adopted() -> None:
    with owned(lambda: os.memfd_create("small")) as fd:
        os.ftruncate(fd, 4096)
        for adopt in (lambda: Pool(4, 4096, fd=fd), lambda: RingRegion(8, fd=fd, s2m_signal=fd, m2s_event=fd)):
            with pytest.raises(PoolError) as caught:
                adopt()
            assert caught.value.reason == "PoolMismatch"
        os.fstat(fd)  # still the caller's


def test_an_adopted_pool_is_the_same_memory() -> None:
    with closing(Pool(4, 4096)) as pool, closing(Pool(4, 4096, fd=os.dup(pool.fd))) as adopted:
        os.pwrite(pool.fd, b"same", 8192)
        assert os.pread(adopted.fd, 4, 8192) == b"same"
        assert (adopted.frames, adopted.stride, adopted.size, adopted.sealed) == (4, 8192, pool.size, False)


@pytest.mark.parametrize("queue", [1, 2, 3, 64, 1000, 1 << 14])
def test_a_ring_region_holds_two_rings_and_the_extension_page(queue: int) -> None:
    with closing(RingRegion(queue)) as rings:
        for log2 in (rings.s2m_log2, rings.m2s_log2):
            assert queue <= 1 << log2 < max(3, 2 * queue)
        assert rings.s2m_offset == rings.m2s_offset % 4096 == rings.size % 4096 == 0
        assert rings.m2s_offset >= 128 + (32 << rings.s2m_log2)
        assert rings.size >= rings.m2s_offset + 128 + (16 << rings.m2s_log2) + 4096
        assert os.fstat(rings.fd).st_size == rings.size
        for size in (0, rings.size - 1, rings.size + 1):
            with pytest.raises(PermissionError):
                os.ftruncate(rings.fd, size)


@pytest.mark.parametrize("queue", [-1, 0, (1 << 14) + 1])
def test_a_queue_that_no_ring_can_have_is_refused(queue: int) -> None:
    with pytest.raises(ValueError, match=r"is not in 1\.\.16384"):
        RingRegion(queue)


def test_closing_twice_does_nothing_more() -> None:
    pool, rings = Pool(4, 4096), RingRegion(8)
    for thing in (pool, rings):
        thing.close()
        thing.close()
        assert (thing.closed, thing.fd) == (True, -1)
    assert live_objects().get("pool", 0) == 0


DROPPED: dict[str, Callable[[], object]] = {
    "a frame pool": lambda: Pool(4, 4096),
    "a ring region": lambda: RingRegion(8),
}


@pytest.mark.parametrize("kind", DROPPED)
def test_what_is_dropped_open_warns_and_closes(kind: str) -> None:
    before = open_descriptors()
    with pytest.warns(ResourceWarning, match=kind):
        DROPPED[kind]()
    gc.collect()
    assert open_descriptors() == before


@contextmanager
def descriptors_left(count: int) -> Iterator[None]:
    """Let the process open only so many descriptors more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    filled = []
    top = max(int(name) for name in open_descriptors()) + 1 + count
    resource.setrlimit(resource.RLIMIT_NOFILE, (top, hard))
    try:
        with suppress(OSError):
            while True:
                filled.append(os.dup(0))
        for _ in range(count):
            os.close(filled.pop())
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for fd in filled:
            os.close(fd)


@pytest.mark.parametrize("left", [0, 1, 2])
def test_rings_that_cannot_have_their_descriptors_leave_none_behind(left: int) -> None:
    before = open_descriptors()
    with descriptors_left(left), pytest.raises(OSError, match="Too many") as caught:
        RingRegion(8)
    assert caught.value.errno == errno.EMFILE
    assert open_descriptors() == before
