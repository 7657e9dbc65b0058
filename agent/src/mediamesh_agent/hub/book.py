"""What ended badly, and how often: for people, metrics and the log.

A hostile client can fail a thousand times a second. Each failure is counted; of the same failure at the same place one
line a second is logged, with the number of those that were swallowed. Who is refused for now and tries again, as a
source that stands by does for days, is one line until something else is said or nobody has tried for a while. The
book holds a bounded number of entries, because places are the plan's words, never the client's.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mediamesh_agent.hub.errors import HubError, Refused
from mediamesh_protos import hub_pb2

log = logging.getLogger(__name__)

MOST_ENTRIES = 200
_LINE_EVERY = 1.0
_FORGOTTEN_AFTER = 10.0
"""Seconds without a try after which whoever stood by has gone; they try four times a second."""


@dataclass(slots=True)
class Entry:
    """One kind of end at one endpoint."""

    client: str = ""
    message: str = ""
    time: float = 0.0
    count: int = 0
    logged: float = -_LINE_EVERY
    noted: float = -_FORGOTTEN_AFTER
    said: str = ""
    swallowed: int = 0


class Book:
    """Ends by (connection, endpoint, reason), newest last."""

    def __init__(self, wall_clock: Callable[[], float], steady_clock: Callable[[], float]) -> None:
        self._wall_clock = wall_clock
        self._steady_clock = steady_clock
        self._entries: dict[tuple[str, str, str], Entry] = {}

    def note(self, connection: str, endpoint: str, client: str, end: HubError) -> None:
        """Count and, not too often, log that something ended or was refused."""
        key = (connection, endpoint, end.reason)
        entry = self._entries.pop(key, None) or Entry()
        self._entries[key] = entry
        if len(self._entries) > MOST_ENTRIES:
            del self._entries[next(iter(self._entries))]
        entry.client, entry.message, entry.time = client, end.message, self._wall_clock()
        entry.count += 1
        self._log(key, entry, end)

    def _log(self, key: tuple[str, str, str], entry: Entry, end: HubError) -> None:
        now, before = self._steady_clock(), entry.noted
        entry.noted = now
        stands_by = end.transient and end.message == entry.said and now - before < _FORGOTTEN_AFTER
        if stands_by or now - entry.logged < _LINE_EVERY:
            entry.swallowed += 1
            return
        entry.said = end.message
        connection, endpoint, reason = key
        more = f" (and {entry.swallowed} more like it)" if entry.swallowed else ""
        fields = {"connection": connection, "endpoint": endpoint, "reason": reason, "client": entry.client}
        where = f"{connection} {endpoint}".strip() or "attach socket"
        log.warning(
            "%s: %s %s: %s%s",
            where,
            entry.client or "client",
            "was refused" if isinstance(end, Refused) else "ended",
            entry.message,
            more,
            extra={"fields": fields},
        )
        entry.logged, entry.swallowed = now, 0

    def observed(self) -> list[hub_pb2.ObservedEnd]:
        """Return all entries as messages."""
        return [
            hub_pb2.ObservedEnd(
                connection=connection,
                endpoint=endpoint,
                client=entry.client,
                reason=reason,
                message=entry.message,
                time=entry.time,
                count=entry.count,
            )
            for (connection, endpoint, reason), entry in self._entries.items()
        ]

    def restore(self, ended: Iterable[hub_pb2.ObservedEnd]) -> None:
        """Go on with the book of a predecessor."""
        for end in ended:
            entry = Entry(client=end.client, message=end.message, time=end.time, count=end.count)
            self._entries[end.connection, end.endpoint, end.reason] = entry
