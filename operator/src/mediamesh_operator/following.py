"""Pods and nodes: listed, then followed from the version of that list, one line for each change.

They are others' objects, thousands of them, of which a few fields are kept; so each is read, told of and let go,
without the queue and the task that kopf makes for every object. A stream that breaks off, or says nothing for long, is
taken up where it was: the API server keeps the changes of some minutes. When it has forgotten that place (410 Gone),
everything is listed anew; what is not in that list has gone meanwhile. So there is nothing that could be missed.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn, Protocol

from mediamesh_operator.edge import Edge, Event
from mediamesh_operator.errors import ApiUnreachable, OperatorError

PAUSE: Final = 1.0
"""Seconds before an API server that has failed is asked again."""
_BREATH: Final = 0.1
"""Seconds before one is that has just ended a stream, as it does now and then."""
log = logging.getLogger(__name__)


class Source(Protocol):
    """Lists and changes of the API server."""

    def pages(self, plural: str) -> AsyncIterator[tuple[Sequence[Mapping[str, Any]], str]]:
        """Yield the objects of a kind, page by page, each page with the version of the whole list."""

    def changes(self, plural: str, since: str) -> AsyncGenerator[Event, None]:
        """Yield what becomes of a kind after a version, and bookmarks (BOOKMARK)."""


@dataclass(slots=True)
class Follower:
    """Tells an edge of all objects of one kind."""

    plural: str
    source: Source
    edge: Edge
    take: Callable[[Event], None]
    """What the edge does with an event of this kind."""
    listed: asyncio.Event = field(default_factory=asyncio.Event)
    """The edge has been told of everything that there was at some time."""

    async def run(self) -> NoReturn:
        """List and follow, again and again."""
        while True:
            try:
                version = await self._list()
                self.listed.set()
                await self._follow(version)
            except OperatorError as error:
                self._warn("a kind is listed anew", error)
            await asyncio.sleep(PAUSE)

    async def _list(self) -> str:
        """Tell of everything; return the version that it is of."""
        uids, since = set[str](), ""
        async for bodies, version in self.source.pages(self.plural):
            for body in bodies:
                self._pass_on({"type": None, "object": body})
            uids.update(str(body["metadata"]["uid"]) for body in bodies)
            since = version
        self.edge.only(self.plural, uids)
        return since

    async def _follow(self, version: str) -> NoReturn:
        """Tell of what comes after a version; raises what says that there is no going on from it."""
        while True:
            try:
                async with aclosing(self.source.changes(self.plural, version)) as events:
                    async for event in events:
                        version = str(event["object"]["metadata"]["resourceVersion"])
                        if event["type"] != "BOOKMARK":
                            self._pass_on(event)
                await asyncio.sleep(_BREATH)
            except ApiUnreachable as error:
                self._warn("a kind is followed from where it was", error)
                await asyncio.sleep(PAUSE)

    def _pass_on(self, event: Event) -> None:
        try:
            self.take(event)
        except Exception:  # whatever is in one object, it is no reason to know of no other
            log.exception("an object cannot be read", extra={"kind": self.plural})

    def _warn(self, what: str, error: OperatorError) -> None:
        log.warning(what, extra={"kind": self.plural, "reason": error.reason, "detail": error.message})
