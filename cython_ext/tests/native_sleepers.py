"""Threads that sleep in a port, and how to see that they do."""

import os
import re
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from mediamesh_testing.waiting import wait_until

SLEEPING = re.compile(r"441 |202 \S+ 0x9 0x3 ")  # epoll_pwait2; FUTEX_WAIT_BITSET while the bell says ASLEEP
LOOKOUT = "mm-lookout\n"


def asleep(count: int = 1) -> None:
    """Return when so many threads wait in a port: the kernel knows them as sleeping on a bell, or in epoll."""
    wait_until(lambda: sleeping_threads() >= count, "everybody to fall asleep")


def sleeping_threads() -> int:
    return sum(bool(SLEEPING.match(_read(task, "syscall"))) for task in os.listdir("/proc/self/task"))  # noqa: PTH208


def lookouts() -> int:
    """Return how many threads of this process watch descriptors for those who sleep on a bell."""
    return sum(_read(task, "comm") == LOOKOUT for task in os.listdir("/proc/self/task"))  # noqa: PTH208


def _read(task: str, name: str) -> str:
    try:
        with open(f"/proc/self/task/{task}/{name}", encoding="ascii") as file:  # noqa: PTH123
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""  # it has just ended


def in_thread(call: Callable[[], object]) -> "Future[object]":
    """Run a call in a thread of its own."""
    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(call)
    finally:
        pool.shutdown(wait=False)
