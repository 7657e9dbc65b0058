"""Is the event loop on time? Attaching and handing over depend on it; the frames do not."""

import asyncio
import logging

log = logging.getLogger(__name__)

_EVERY = 1.0
_TOO_LATE = 0.1


async def watch_lag() -> None:
    """Log whenever the loop came back much later than it was asked to."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + _EVERY
        await asyncio.sleep(_EVERY)
        late = loop.time() - due
        if late > _TOO_LATE:
            log.warning("the event loop was busy or not scheduled for %.0f ms", 1000 * late)
