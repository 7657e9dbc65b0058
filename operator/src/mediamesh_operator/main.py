"""`mediamesh-operator`: one replica, from its options to its end.

Everything that runs for as long as the replica does is a part of one group: when one part ends, whatever the reason,
the process does, and kubelet starts it anew. What the leader does is in `leading`; here is what every replica does.
"""

import asyncio
import contextlib
import logging
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence

from mediamesh_core.errors import MediameshError
from mediamesh_operator import health, logs, storage
from mediamesh_operator.election import Election, end_soon
from mediamesh_operator.leader import Candidate
from mediamesh_operator.leading import Leading
from mediamesh_operator.metrics import Metrics, Picture
from mediamesh_operator.options import Options, parse

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGTERM, or until something fails."""
    try:
        options = parse(sys.argv[1:] if arguments is None else arguments)
        logs.configure(options.log_level)
        asyncio.run(_operate(options))
    except MediameshError as error:
        log.critical("the operator ends", extra={"reason": error.reason, "detail": error.message})
        return 1
    return 0


async def _operate(options: Options) -> None:
    stop = asyncio.Event()
    _take_signals(stop)
    metrics = Metrics()
    async with storage.connected() as api:
        leading = Leading(options, api, metrics, lambda: _take_signals(stop))
        election = Election(lambda: _candidate(options), leading.run)
        metrics.show(lambda: leading.picture() if election.leading else Picture())
        async with health.serving(options.http, lambda: _unready(election, leading), metrics.registry):
            try:
                await election.run(stop)
            finally:
                end_soon()


@contextlib.asynccontextmanager
async def _candidate(options: Options) -> AsyncIterator[Candidate]:
    """Give the candidate, with a connection of its own: it is in a loop of its own."""
    async with storage.connected() as api:
        leases = storage.LeaseStore(api, options.namespace, options.lease)
        yield Candidate(leases, options.lease, options.identity, time.monotonic)


def _take_signals(stop: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


def _unready(election: Election, leading: Leading) -> str:
    """Say why this replica is not ready; "" if it is."""
    if election.leading:
        return "" if leading.serving else "leads, and is still getting to know the cluster"
    return "" if election.heard else "the API server does not answer"


if __name__ == "__main__":
    sys.exit(main())
