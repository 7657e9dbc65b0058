"""Whether the world has all of our own kinds, and what of them is gone: a list of who is there now, held against it.

Two gaps of kopf's watch are closed here (`following`, which watches all else, has none). At the start nobody tells
when everything has been told of; a plan made of half the cluster would take away flows that run. And what is deleted
while a watch is broken for long is never told of at all. So the names of all of them are listed: at the start until
all of them are known, and from then on now and then.

An object that is missing for long though it is listed means that the watch is deaf. That cannot be mended from here,
so the process ends and its successor watches anew.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, Protocol

from mediamesh_operator.errors import ObjectMissing, OperatorError, WatchDeaf
from mediamesh_operator.world import World

EVERY: Final = 300.0
PATIENCE: Final = 30.0
LOOK: Final = 0.1
_LOOKS: Final = 20
_RETRY: Final = 1.0
log = logging.getLogger(__name__)


class Register(Protocol):
    """Lists who is there."""

    @property
    def kinds(self) -> Sequence[str]:
        """The kinds that are watched, by plural name."""

    def uids(self, kind: str) -> AsyncIterator[str]:
        """Yield the uid of every object of a kind."""


async def kinds_served(register: Register) -> None:
    """Wait until the API server has all the kinds: their definitions may be installed after us."""
    told = ""
    while True:
        try:
            for kind in register.kinds:
                async for _ in register.uids(kind):
                    break
        except OperatorError as error:
            if error.reason != told:
                log.warning("waiting for the kinds", extra={"reason": error.reason, "detail": error.message})
            told = error.reason
            if not isinstance(error, ObjectMissing):
                await asyncio.sleep(_RETRY)
            await asyncio.sleep(_RETRY)
        else:
            return


async def complete(world: World, register: Register) -> None:
    """Wait until `world` has everything that a list taken now has."""
    while any([await _missing(world, register, kind) for kind in register.kinds]):
        pass
    world.settle()


async def _missing(world: World, register: Register, kind: str) -> set[str]:
    """Return what is listed and was not told of within a moment: it may have gone before the watch began."""
    try:
        listed = {uid async for uid in register.uids(kind)}
    except OperatorError as error:
        log.warning("the cluster cannot be listed", extra={"reason": error.reason, "detail": error.message})
        await asyncio.sleep(_RETRY)
        return {kind}
    for _ in range(_LOOKS):
        if not (missing := listed - world.uids(kind) - world.gone):
            return missing
        await asyncio.sleep(LOOK)
    return listed - world.uids(kind) - world.gone


async def keep(
    world: World,
    register: Register,
    changed: Callable[[str, str], None],
    *,
    every: float = EVERY,
    patience: float = PATIENCE,
) -> None:
    """Forget what has gone unheard, again and again.

    Raises
    ------
    WatchDeaf
        Something is there that the watch has not told of.
    """
    while True:
        await asyncio.sleep(every)
        for kind in register.kinds:
            try:
                await _sweep(world, register, kind, changed, patience)
            except WatchDeaf:
                raise
            except OperatorError as error:
                log.warning("the cluster cannot be listed", extra={"reason": error.reason, "detail": error.message})


async def _sweep(
    world: World, register: Register, kind: str, changed: Callable[[str, str], None], patience: float
) -> None:
    known = world.uids(kind)
    listed = {uid async for uid in register.uids(kind)}
    if gone := (known - listed) & world.uids(kind):
        log.warning("objects are gone unheard", extra={"kind": kind, "number": len(gone)})
        world.forget(kind, gone)
        changed("census", kind)
    if not listed - world.uids(kind):
        return
    await asyncio.sleep(patience)
    unheard = listed - world.uids(kind)
    if unheard and unheard & {uid async for uid in register.uids(kind)}:
        raise WatchDeaf(f"{len(unheard)} {kind} are there that the watch has not told of")
