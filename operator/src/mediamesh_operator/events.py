"""Events on connections, for `kubectl describe`: few, when a condition turns, and never the same twice in a while.

An event is made from the conditions before and after a status was written, so there is none that the status does not
also say. Posting is for people: it happens beside everything else, one that fails is dropped, and when there are too
many at once the rest is dropped too.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from mediamesh_core.kinds.status import Condition, ConnectionStatus
from mediamesh_operator.errors import OperatorError
from mediamesh_operator.objects import Connection

AGAIN_AFTER: Final = timedelta(minutes=10)
MOST_WAITING: Final = 256
_REMEMBERED: Final = 4096
_NO_NEWS: Final = ("Accepted", "Pending")
"""Reasons that are only steps on the way."""
log = logging.getLogger(__name__)


class Store(Protocol):
    """Takes events."""

    async def post(self, namespace: str, body: Mapping[str, Any]) -> None:
        """Make an event."""


def turns(before: ConnectionStatus | None, now: ConnectionStatus) -> Iterator[Condition]:
    """Yield the conditions worth an event: those that became true or false, or false for another reason.

    What is on its way is none, nor is a condition that only repeats the one before it in the list.
    """
    told = {*_NO_NEWS}
    for condition in now.conditions:
        old = before.condition(condition.type) if before else None
        same = old is not None and (old.status, old.reason) == (condition.status, condition.reason)
        if not same and condition.status != "Unknown" and condition.reason not in told:
            yield condition
        told.add(condition.reason)


class Recorder:
    """Posts events in the background."""

    def __init__(self, store: Store, identity: str, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._identity = identity
        self._clock = clock
        self._posted: OrderedDict[tuple[str, str, str], datetime] = OrderedDict()
        self._waiting: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue(MOST_WAITING)

    def compare(self, connection: Connection, before: ConnectionStatus | None, now: ConnectionStatus) -> None:
        """Tell of what has turned in a connection."""
        for condition in turns(before, now):
            if self._is_new((connection.uid, condition.type, condition.reason)) and not self._waiting.full():
                self._waiting.put_nowait((connection.namespace, self._event(connection, condition)))

    async def run(self) -> None:
        """Post what there is, again and again."""
        while True:
            namespace, body = await self._waiting.get()
            try:
                await self._store.post(namespace, body)
            except OperatorError as error:
                log.info("an event is dropped", extra={"reason": error.reason, "detail": error.message})

    def _is_new(self, key: tuple[str, str, str]) -> bool:
        now, last = self._clock(), self._posted.get(key)
        if last is not None and now < last + AGAIN_AFTER:
            return False
        self._posted[key] = now
        self._posted.move_to_end(key)
        while len(self._posted) > _REMEMBERED:
            self._posted.popitem(last=False)
        return True

    def _event(self, connection: Connection, condition: Condition) -> dict[str, Any]:
        now = self._clock().astimezone(UTC)
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{connection.name}.", "namespace": connection.namespace},
            "involvedObject": {
                "apiVersion": "mediamesh.io/v1alpha1",
                "kind": "MediaConnection",
                "name": connection.name,
                "namespace": connection.namespace,
                "uid": connection.uid,
            },
            "type": "Normal" if condition.status == "True" else "Warning",
            "reason": condition.reason,
            "message": condition.message or condition.reason,
            "action": condition.type,
            "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "firstTimestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "lastTimestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "count": 1,
            "reportingComponent": "mediamesh-operator",
            "reportingInstance": self._identity,
            "source": {"component": "mediamesh-operator"},
        }
