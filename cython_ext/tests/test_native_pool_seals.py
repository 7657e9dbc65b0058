"""Once a pool is sealed, who has its descriptor cannot write it: not even as root, by no way there is."""

import ctypes
import fcntl
import mmap
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from memif_ends import owned

from mediamesh_native.pool import Pool, PoolError

CONTENT = b"what the producer wrote"
PUNCH_HOLE = 3  # FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
ZERO_RANGE = 0x10
COLLAPSE_RANGE = 0x08
MADV_REMOVE = 9
SEAL_SEAL = 1
LIBC = ctypes.CDLL(None, use_errno=True)


@pytest.fixture
def pool() -> Iterator[Pool]:
    with closing(Pool(4, 4096)) as pool, mmap.mmap(pool.fd, pool.size) as producer:
        producer[: len(CONTENT)] = CONTENT
        pool.seal()
        assert pool.sealed
        yield pool
        assert producer[: len(CONTENT)] == CONTENT
        producer[:3] = b"own"  # the producer still can
        assert os.pread(pool.fd, 3, 0) == b"own"


def checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def fallocate(mode: int) -> Callable[[int], object]:
    return lambda fd: checked(LIBC.fallocate(fd, mode, ctypes.c_long(0), ctypes.c_long(4096)))


def on_mapping(call: Callable[[ctypes.c_void_p], int]) -> Callable[[int], object]:
    """Do something to a read-only mapping of the pool."""

    def run(fd: int) -> int:
        LIBC.mmap.restype = ctypes.c_void_p
        base = ctypes.c_void_p(LIBC.mmap(None, 4096, mmap.PROT_READ, mmap.MAP_SHARED, fd, ctypes.c_long(0)))
        try:
            return checked(call(base))
        finally:
            LIBC.munmap(base, 4096)

    return run


def through_process_memory(base: ctypes.c_void_p) -> int:
    with owned(lambda: os.open("/proc/self/mem", os.O_RDWR)) as memory:
        return os.pwrite(memory, b"x", base.value or 0)


def from_a_pipe(fd: int) -> int:
    reading, writing = os.pipe()
    try:
        os.write(writing, b"x")
        return os.splice(reading, fd, 1, offset_dst=0)
    finally:
        os.close(reading)
        os.close(writing)


def between_files(fd: int) -> int:
    with owned(lambda: os.memfd_create("other")) as other:
        os.write(other, b"x" * 4096)
        return os.copy_file_range(other, fd, 4096, 0, 0)


WAYS: dict[str, Callable[[int], object]] = {
    "map writable": lambda fd: mmap.mmap(fd, 4096),
    "map write only": lambda fd: mmap.mmap(fd, 4096, prot=mmap.PROT_WRITE),
    "make a mapping writable": on_mapping(lambda base: LIBC.mprotect(base, 4096, mmap.PROT_READ | mmap.PROT_WRITE)),
    "make a mapping executable and writable": on_mapping(lambda base: LIBC.mprotect(base, 4096, 7)),
    "punch a hole through a mapping": on_mapping(lambda base: LIBC.madvise(base, 4096, MADV_REMOVE)),
    "write by /proc/self/mem": on_mapping(through_process_memory),
    "write": lambda fd: os.write(fd, b"x"),
    "pwrite": lambda fd: os.pwrite(fd, b"x", 0),
    "pwritev": lambda fd: os.pwritev(fd, [b"x"], 0),
    "shrink": lambda fd: os.ftruncate(fd, 4096),
    "shrink to nothing": lambda fd: os.ftruncate(fd, 0),
    "grow": lambda fd: os.ftruncate(fd, 1 << 30),
    "punch a hole": fallocate(PUNCH_HOLE),
    "zero a range": fallocate(ZERO_RANGE),
    "collapse a range": fallocate(COLLAPSE_RANGE),
    "splice": from_a_pipe,
    "copy from a file": between_files,
    "seal once more": lambda fd: fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_consumer_cannot_write(pool: Pool, way: str) -> None:
    with owned(lambda: os.dup(pool.fd)) as fd, pytest.raises(OSError, match=r"\[Errno"):
        WAYS[way](fd)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("flags", [os.O_RDWR, os.O_RDWR | os.O_APPEND])
def test_a_consumer_cannot_write_by_opening_it_again(pool: Pool, way: str, flags: int) -> None:
    with owned(lambda: os.open(f"/proc/self/fd/{pool.fd}", flags)) as fd, pytest.raises(OSError, match=r"\[Errno"):
        WAYS[way](fd)


def test_a_consumer_cannot_empty_it_by_opening_it_again(pool: Pool) -> None:
    with pytest.raises(PermissionError):
        os.open(f"/proc/self/fd/{pool.fd}", os.O_RDWR | os.O_TRUNC)


def test_a_private_copy_is_the_consumers_own(pool: Pool) -> None:
    with mmap.mmap(pool.fd, 4096, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE) as copy:
        copy[:1] = b"x"
        assert os.pread(pool.fd, len(CONTENT), 0) == CONTENT


def test_before_the_seal_the_size_is_fixed_already() -> None:
    with closing(Pool(4, 4096)) as pool:
        for size in (0, pool.size - 1, pool.size + 1):
            with pytest.raises(PermissionError):
                os.ftruncate(pool.fd, size)


def test_a_producer_that_locked_the_seals_is_found_out() -> None:
    with closing(Pool(4, 4096)) as pool:
        fcntl.fcntl(pool.fd, fcntl.F_ADD_SEALS, SEAL_SEAL)
        with pytest.raises(PoolError, match="locked the seals") as caught:
            pool.seal()
        assert caught.value.reason == "SealRefused"
        assert not pool.sealed


def test_an_adopted_pool_knows_that_it_is_sealed(pool: Pool) -> None:
    with closing(Pool(4, 4096, fd=os.dup(pool.fd))) as adopted:
        assert adopted.sealed
        assert Path(f"/proc/self/fd/{adopted.fd}").readlink() == Path(f"/proc/self/fd/{pool.fd}").readlink()
