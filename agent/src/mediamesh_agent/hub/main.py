"""The hub's process: command line, limits, signals, exit status.

`ready` on stdout, once, says that the sockets are there and the last plan runs. Exit status: 0 after a shutdown, 1 if
it could not start (the reason is the last line on stderr), 2 for a wrong command line, 3 after a handover.
"""

import argparse
import asyncio
import logging
import os
import resource
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from mediamesh_agent.hub import cgroup, logs, succession
from mediamesh_agent.hub.errors import HubError
from mediamesh_agent.hub.hub import Hub
from mediamesh_agent.hub.lag import watch_lag
from mediamesh_agent.hub.memory import Budget, Machine
from mediamesh_agent.hub.options import HANDED_OVER, Options
from mediamesh_agent.hub.pools import PoolMaker
from mediamesh_agent.hub.root import Root

log = logging.getLogger(__name__)

_LONGEST_END = 30.0
_LOOK_EVERY = 0.05


def parse(arguments: Sequence[str]) -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m mediamesh_agent.hub", description="The data plane of one node.")
    parser.add_argument("--root", type=Path, required=True, help="the folder of its sockets and of the last plan")
    parser.add_argument("--polling", action="store_true", help="spend a CPU on the engine for the least latency")
    parser.add_argument("--memory-limit", type=int, metavar="BYTES", help="of all frame pools together")
    parser.add_argument("--take-over", action="store_true", help="succeed the hub that runs on the root")
    parser.add_argument("--replace", action="store_true", help="succeed it even if it has to end first")
    parser.add_argument("--check-cgroup", action="store_true", help="let pods come through their own folders only")
    parser.add_argument("--log-json", action="store_true", help="log JSON lines")
    return Options(**vars(parser.parse_args(arguments)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a hub until it is told to end."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    logs.set_up(as_json=options.log_json)
    _raise_descriptor_limit()
    try:
        return asyncio.run(_run(options))
    except HubError as error:
        return _say_why(error.reason, error.message)
    except OSError as error:
        return _say_why("CannotStart", str(error))


def _say_why(reason: str, message: str) -> int:
    sys.stderr.write(f"{reason}: {message}\n")
    return 1


async def _run(options: Options) -> int:
    hub = _take_over(options) if options.take_over or options.replace else _begin(options)
    _obey_signals(hub)
    lag = asyncio.ensure_future(watch_lag())
    await hub.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await hub.leaving.wait()
    lag.cancel()
    if hub.handed_over:
        _vanish(HANDED_OVER)
    await hub.stop()
    log.info("stopped")
    return HANDED_OVER if hub.replaced else 0


def _begin(options: Options) -> Hub:
    root = Root.take(options.root.absolute())
    return Hub(root, _pool_maker(options), _guard(options), polling=options.polling)


def _take_over(options: Options) -> Hub:
    path = options.root.absolute()
    maker = _pool_maker(options)
    try:
        inheritance = succession.take(path, maker, polling=options.polling, or_end=options.replace)
    except HubError as error:
        if options.replace and error.reason == "HandoverVersion":
            return _begin_after(options)
        _say_why(error.reason, error.message)
        _vanish(1)
    return Hub(
        Root.inherit(path, inheritance.lock), maker, _guard(options), polling=options.polling, inheritance=inheritance
    )


def _begin_after(options: Options) -> Hub:
    """Begin anew when the hub that runs has ended: its bridges close their files first."""
    log.warning("the running hub cannot hand over to this version: clients attach anew")
    until = time.monotonic() + _LONGEST_END
    while True:
        try:
            return _begin(options)
        except HubError as error:
            if error.reason != "RootTaken" or time.monotonic() > until:
                raise
        time.sleep(_LOOK_EVERY)


def _guard(options: Options) -> cgroup.Guard:
    return cgroup.check if options.check_cgroup else cgroup.trust


def _vanish(status: int) -> NoReturn:
    """Leave without touching anything: what this process has open is another hub's."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _pool_maker(options: Options) -> PoolMaker:
    return PoolMaker(Budget(options.memory_limit, Machine()))


def _obey_signals(hub: Hub) -> None:
    def leave() -> None:
        if hub.leaving.is_set():
            hub.hurry.set()
        hub.leaving.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, leave)


def _raise_descriptor_limit() -> None:
    """Every attachment takes four descriptors: take all that we are allowed."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
