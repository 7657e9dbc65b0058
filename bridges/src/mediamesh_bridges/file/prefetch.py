"""Reads ahead in a thread of its own, so that a slow picture or the start of a new pass delays nothing.

Decoding runs without the interpreter's lock, so the player can wait for the next deadline meanwhile. The number of
units ahead is bounded: they are whole pictures.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from threading import Condition, Thread
from typing import Generic, TypeVar

Item = TypeVar("Item")


@contextmanager
def prefetched(items: Generator[Item, None, None], ahead: int) -> Iterator[Iterator[Item]]:
    """Give an iterator over the same items, read up to `ahead` items early; errors appear where they happened."""
    channel: _Channel[Item] = _Channel(ahead)
    thread = Thread(target=_feed, args=(items, channel), name="read ahead", daemon=True)
    thread.start()
    try:
        yield channel.items()
    finally:
        channel.close()
        thread.join()


def _feed(items: Generator[Item, None, None], channel: _Channel[Item]) -> None:
    error: BaseException | None = None
    try:
        with closing(items):
            for item in items:
                if not channel.put(item):
                    break
    except BaseException as failure:  # noqa: BLE001 - carried to the reader, where it is raised
        error = failure
    channel.end(error)


class _Channel(Generic[Item]):
    """A bounded queue that either end can close."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._items: deque[Item] = deque()
        self._ended = False
        self._error: BaseException | None = None
        self._closed = False
        self._changed = Condition()

    def put(self, item: Item) -> bool:
        """Wait for room and add an item; False if nobody wants it any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._items) < self._bound)
            if not self._closed:
                self._items.append(item)
                self._changed.notify_all()
            return not self._closed

    def end(self, error: BaseException | None) -> None:
        """Let the reader know that no more will come, and why if that is an error."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def close(self) -> None:
        """Let the writer know that no more is wanted."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()

    def items(self) -> Iterator[Item]:
        """Yield items as they come, then raise what ended the source."""
        while self._some():
            with self._changed:
                item = self._items.popleft()
                self._changed.notify_all()
            yield item
        if self._error is not None:
            raise self._error

    def _some(self) -> bool:
        """Wait for an item; False if there will be none."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._ended)
            return bool(self._items)
