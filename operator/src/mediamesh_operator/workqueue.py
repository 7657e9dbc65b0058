"""What has to be looked at again, and when: keys, not events.

A key that is added twice is there once, so a burst costs one round of work. A batch is taken when nothing was added
for `CALM` seconds, and at the latest `LONGEST` seconds after its first key, so that neither a burst nor a steady
stream of changes delays anybody for long. A key whose work failed comes back after a delay that doubles each time;
one that is added anew meanwhile is due at once, since the change may be what mends it. A look that was asked for at
a certain time takes place then, whatever happens to the key before.

`Agenda` is the rule, with the time as an argument; `WorkQueue` is the same with a clock and somebody who waits.
"""

import asyncio
import contextlib
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

CALM: Final = 0.02
LONGEST: Final = 0.05
FIRST_RETRY: Final = 0.1
LONGEST_RETRY: Final = 30.0

K = TypeVar("K", bound=Hashable)


@dataclass(slots=True)
class Agenda(Generic[K]):
    """Keys that are due now or later; all times are seconds of one monotonic clock."""

    _dirty: set[K] = field(default_factory=set)
    _first: float = 0.0
    _last: float = 0.0
    _later: dict[K, float] = field(default_factory=dict)
    _retries: dict[K, float] = field(default_factory=dict)
    _failures: dict[K, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._dirty | self._later.keys() | self._retries.keys())

    def add(self, key: K, now: float) -> None:
        """Make `key` part of the next batch."""
        if not self._dirty:
            self._first = now
        self._dirty.add(key)
        self._last = now

    def add_at(self, key: K, when: float) -> None:
        """Make `key` due at `when`; of several times the last counts."""
        self._later[key] = max(when, self._later.get(key, when))

    def failed(self, key: K, now: float) -> None:
        """Bring `key` back, later each time it fails in succession."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        self._retries[key] = now + min(FIRST_RETRY * 2**failures, LONGEST_RETRY)

    def succeeded(self, key: K) -> None:
        """Forget that `key` ever failed."""
        self._failures.pop(key, None)

    def due(self) -> float | None:
        """Return when the next batch can be taken; None: there is nothing to do."""
        times = [*self._later.values(), *self._retries.values()]
        if self._dirty:
            times.append(min(self._last + CALM, self._first + LONGEST))
        return min(times, default=None)

    def take(self, now: float) -> frozenset[K]:
        """Return everything that is due, and have it no more; empty before `due`."""
        when = self.due()
        if when is None or now < when:
            return frozenset()
        ripe = {key for times in (self._later, self._retries) for key, at in times.items() if at <= now}
        batch = frozenset(self._dirty | ripe)
        self._dirty.clear()
        self._later = {key: at for key, at in self._later.items() if at > now}
        self._retries = {key: at for key, at in self._retries.items() if key not in batch}
        return batch


class WorkQueue(Generic[K]):
    """An agenda for one worker of an event loop."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._agenda: Agenda[K] = Agenda()
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._agenda)

    def add(self, key: K) -> None:
        """Have `key` looked at soon; cannot fail and does not wait."""
        self._agenda.add(key, self._clock())
        self._changed.set()

    def add_later(self, key: K, delay: float) -> None:
        """Have `key` looked at in `delay` seconds."""
        self._agenda.add_at(key, self._clock() + delay)
        self._changed.set()

    def failed(self, keys: Iterable[K]) -> None:
        """Bring keys back whose work could not be done."""
        for key in keys:
            self._agenda.failed(key, self._clock())
        self._changed.set()

    def succeeded(self, keys: Iterable[K]) -> None:
        """Forget earlier failures of keys whose work was done."""
        for key in keys:
            self._agenda.succeeded(key)

    async def batch(self) -> frozenset[K]:
        """Wait until something is due, then return all that is."""
        while not (batch := self._agenda.take(self._clock())):
            self._changed.clear()
            when = self._agenda.due()
            delay = None if when is None else max(0.0, when - self._clock())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._changed.wait()
        return batch
