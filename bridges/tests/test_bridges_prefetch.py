"""Reading ahead: order, bound, errors and the end of its thread."""

from __future__ import annotations

import threading
from collections.abc import Generator

import pytest

from mediamesh_bridges.file.prefetch import prefetched

LONG = 20


class Numbers:
    """Counts what was taken of it, and tells when it was closed."""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self._count = count
        self._error = error
        self.taken = 0
        self.some = threading.Semaphore(0)
        self.closed = threading.Event()

    def items(self) -> Generator[int, None, None]:
        try:
            for number in range(self._count):
                self.taken += 1
                self.some.release()
                yield number
            if self._error is not None:
                raise self._error
        finally:
            self.closed.set()


def test_everything_comes_in_order() -> None:
    with prefetched(Numbers(1000).items(), 3) as items:
        assert list(items) == list(range(1000))


def test_it_reads_ahead_without_being_asked_but_not_further_than_the_bound() -> None:
    numbers = Numbers(100)
    with prefetched(numbers.items(), 3) as items:
        for _ in range(4):  # three wait in the channel, one waits for room
            assert numbers.some.acquire(timeout=LONG)
        assert next(items) == 0
        assert numbers.some.acquire(timeout=LONG)
        assert numbers.taken == 5


def test_an_error_appears_after_what_came_before_it() -> None:
    with prefetched(Numbers(2, ValueError("broken")).items(), 5) as items:
        assert (next(items), next(items)) == (0, 1)
        with pytest.raises(ValueError, match="broken"):
            next(items)


@pytest.mark.parametrize("taken", [0, 1, 50])
def test_leaving_early_closes_the_source_and_ends_the_thread(taken: int) -> None:
    numbers = Numbers(10**9)
    before = threading.active_count()
    with prefetched(numbers.items(), 2) as items:
        assert [next(items) for _ in range(taken)] == list(range(taken))
    assert numbers.closed.is_set()
    assert threading.active_count() == before
