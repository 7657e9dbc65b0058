"""Parts that run side by side, where the end of one is the end of all."""

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, NoReturn

from mediamesh_operator.errors import PartEnded


async def until_one_ends(*parts: Awaitable[Any]) -> None:
    """Run all parts until one ends; cancel the others, wait for them, then raise what that one raised."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def never_ending(name: str, part: Coroutine[Any, Any, None]) -> NoReturn:
    """Run a part that lasts as long as the process; an end without an error is one, too."""
    await part
    raise PartEnded(f"{name} has ended by itself")
