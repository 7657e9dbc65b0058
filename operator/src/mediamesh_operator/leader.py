"""Leading: run the one thing that only a leader does, for as long as the Lease is ours.

`lead` waits for the Lease, starts the work, and renews. Whatever ends first ends all: the work (which never ends by
itself unless it failed), the Lease (`LeaseLost`), or a request to stop. The process exits afterwards in each case,
because a former leader may still have half-sent plans in its buffers. When it stops in order it gives the Lease
away, so the other replica leads within `lease.RETRY` seconds.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from mediamesh_operator import lease
from mediamesh_operator.errors import ApiUnreachable, LeaseLost, ObjectConflict, OperatorError
from mediamesh_operator.tasks import never_ending, until_one_ends

_RELEASE_WITHIN: Final = 2.0
log = logging.getLogger(__name__)


class Leases(Protocol):
    """The Lease in the API server."""

    async def read(self) -> dict[str, Any] | None:
        """Return it; None if there is none."""

    async def create(self, body: dict[str, Any]) -> dict[str, Any]:
        """Make it; `ObjectConflict` if somebody was quicker."""

    async def replace(self, body: dict[str, Any]) -> dict[str, Any]:
        """Write it; `ObjectConflict` if it is no longer the version in `body`."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """Seconds between two looks, and without a renewal."""

    retry: float = lease.RETRY
    renew_within: float = lease.RENEW_WITHIN


_PAUSES = Pauses()


class Candidate:
    """One replica's part in the election."""

    def __init__(
        self, leases: Leases, name: str, identity: str, clock: Callable[[], float], pauses: Pauses = _PAUSES
    ) -> None:
        self.leading = False
        self.heard = False
        """The API server answered the last time; a standby that hears is ready."""
        self._leases = leases
        self._name = name
        self._identity = identity
        self._clock = clock
        self._pauses = pauses
        self._trouble = ""
        self._lease: dict[str, Any] | None = None
        self._watched: lease.Watched | None = None

    async def lead(self, work: Callable[[], Coroutine[Any, Any, None]], stop: asyncio.Event) -> None:
        """Wait for the Lease, then run `work` until `stop`.

        Raises
        ------
        LeaseLost
            It could not be renewed in time, or somebody else has it.
        PartEnded
            `work` came to an end.
        """
        await until_one_ends(self._campaign(), stop.wait())
        if stop.is_set():
            await self._release()
            return
        log.info("leading", extra={"identity": self._identity})
        try:
            await until_one_ends(self._renew(), never_ending("the leader's work", work()), stop.wait())
        finally:
            self.leading = False
            await self._release()

    async def _campaign(self) -> None:
        while not await self._try():  # noqa: ASYNC110  # the Lease tells nobody
            await asyncio.sleep(self._pauses.retry)
        self.leading = True

    async def _renew(self) -> None:
        renewed = self._clock()
        while True:
            await asyncio.sleep(self._pauses.retry)
            began = self._clock()
            left = renewed + self._pauses.renew_within - began
            try:
                async with asyncio.timeout(max(left, 0.0)):
                    if await self._try():
                        renewed = began
            except TimeoutError:
                late = f"the Lease {self._name} was not renewed for {self._pauses.renew_within:.0f} s"
                raise LeaseLost(late) from None
            if self._holder not in ("", self._identity):
                raise LeaseLost(f"the Lease {self._name} is {self._holder}'s now")

    @property
    def _holder(self) -> str:
        return str(((self._lease or {}).get("spec") or {}).get("holderIdentity") or "")

    async def _try(self) -> bool:
        """Look at the Lease once; return whether it is ours now."""
        try:
            mine = await self._look()
        except ObjectConflict:
            mine = False
        except OperatorError as error:
            if self._trouble != error.reason:
                log.warning("the Lease cannot be had", extra={"reason": error.reason, "detail": error.message})
            self._trouble = error.reason
            self.heard = not isinstance(error, ApiUnreachable)
            return False
        self.heard, self._trouble = True, ""
        return mine

    async def _look(self) -> bool:
        found = await self._leases.read()
        self._lease = found
        self._watched = None if found is None else lease.watched(self._watched, found, self._clock())
        move = lease.move(found, self._watched, self._identity, self._clock())
        if move is lease.Move.WAIT:
            return False
        body = lease.held(found, self._name, self._identity, datetime.now(UTC))
        write = self._leases.create if move is lease.Move.CREATE else self._leases.replace
        self._lease = await write(body)
        return True

    async def _release(self) -> None:
        """Give the Lease away if it is ours; if that fails it runs out by itself."""
        with contextlib.suppress(OperatorError, TimeoutError):
            async with asyncio.timeout(_RELEASE_WITHIN):
                found = await self._leases.read()
                if found is not None and (found.get("spec") or {}).get("holderIdentity") == self._identity:
                    await self._leases.replace(lease.released(found, self._name, datetime.now(UTC)))
