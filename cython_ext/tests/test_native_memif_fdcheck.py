"""What the kernel says about foreign descriptors."""

import fcntl
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from memif_ends import owned, sealed_memfd

from mediamesh_native.memif.errors import DescriptorRefused
from mediamesh_native.memif.fdcheck import check_eventfd, check_memory_fd

SIZE = 8192


def refused(check: Callable[[], object]) -> str:
    with pytest.raises(DescriptorRefused) as caught:
        check()
    return caught.value.reason


def unsealed(flags: int = os.MFD_ALLOW_SEALING) -> int:
    fd = os.memfd_create("unsealed", os.MFD_CLOEXEC | flags)
    os.ftruncate(fd, SIZE)
    return fd


def test_a_sealed_memfd_of_at_least_the_size_is_steady() -> None:
    with owned(lambda: sealed_memfd(SIZE)) as fd:
        assert check_memory_fd(fd, SIZE).steady
        assert check_memory_fd(fd, 1).steady


@pytest.mark.parametrize("flags", [0, os.MFD_ALLOW_SEALING])
def test_huge_pages_are_memory_but_never_steady(flags: int) -> None:
    with owned(lambda: os.memfd_create("huge", os.MFD_CLOEXEC | os.MFD_HUGETLB | flags)) as fd:
        os.ftruncate(fd, 1 << 21)
        memory = check_memory_fd(fd, 1 << 21)
        assert memory == (bool(flags), 1 << 21)
        assert (memory.huge, memory.steady) == (True, False)


def test_a_memfd_that_is_too_small_is_refused() -> None:
    with owned(lambda: sealed_memfd(SIZE)) as fd:
        assert refused(lambda: check_memory_fd(fd, SIZE + 1)) == "RegionTooSmall"


@pytest.mark.parametrize("seals", [0, fcntl.F_SEAL_GROW, fcntl.F_SEAL_WRITE])
def test_the_missing_seal_is_put_on(seals: int) -> None:
    with owned(lambda: sealed_memfd(SIZE, seals)) as fd:
        assert check_memory_fd(fd, SIZE).steady
        with pytest.raises(PermissionError):
            os.ftruncate(fd, 0)


def test_a_memfd_that_takes_no_seals_is_not_steady() -> None:
    with owned(lambda: unsealed(0)) as fd:
        assert not check_memory_fd(fd, SIZE).steady
    with owned(lambda: sealed_memfd(SIZE, fcntl.F_SEAL_SEAL)) as fd:
        assert not check_memory_fd(fd, SIZE).steady


def test_a_tmpfs_file_takes_no_seal() -> None:
    with owned(lambda: os.open("/dev/shm", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC)) as fd:
        os.ftruncate(fd, SIZE)
        assert not check_memory_fd(fd, SIZE).steady


def test_files_that_know_no_seals_are_no_memory() -> None:
    with owned(lambda: os.open("/proc/self/status", os.O_RDONLY)) as fd:
        assert refused(lambda: check_memory_fd(fd, 0)) == "RegionNotMemory"


@pytest.mark.parametrize("path", ["/dev/zero", "/"])
def test_what_is_no_regular_file_is_no_memory(path: str) -> None:
    with owned(lambda: os.open(path, os.O_RDONLY)) as fd:
        assert refused(lambda: check_memory_fd(fd, SIZE)) == "RegionNotMemory"


def test_an_eventfd_becomes_non_blocking() -> None:
    with owned(lambda: os.eventfd(0, os.EFD_CLOEXEC)) as fd:
        assert os.get_blocking(fd)
        check_eventfd(fd)
        assert not os.get_blocking(fd)


def test_a_name_that_a_peer_chose_is_shown_harmlessly() -> None:
    with owned(lambda: os.memfd_create("\x1b[2J\n", os.MFD_CLOEXEC)) as fd, pytest.raises(DescriptorRefused) as caught:
        check_memory_fd(fd, SIZE)
    assert caught.value.message.isprintable()


def test_other_descriptors_are_no_eventfds(tmp_path: Path) -> None:
    lookalike = tmp_path / "anon_inode:[eventfd]"
    lookalike.touch()
    with socket.socket(socket.AF_UNIX) as sock, owned(lambda: os.open(lookalike, os.O_RDWR)) as file:
        for fd in (sock.fileno(), file):
            assert refused(lambda fd=fd: check_eventfd(fd)) == "NotAnEventfd"  # type: ignore[misc]
