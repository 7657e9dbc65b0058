"""PID 1 of the hub's container: keeps a hub running in it, and lets the next container have it.

`python -m mediamesh_agent.hub.keeper --root ROOT --mark FILE [options of the hub]`

A dead hub is started again at once (kubelet would wait ever longer), and whatever the dead leave behind is reaped.
SIGTERM goes on to the hub, and its exit status is the container's.

In a rolling upgrade the next container starts beside this one, and its keeper takes over from the hub that it finds on
the root, between two frames. A keeper whose hub was taken over must neither start another nor end: kubelet would start
the container again, into a fight over the root. It writes the mark, which lies in a folder of the pod and so outlives
the container, and idles until SIGTERM; so does a keeper that starts and finds its mark. A keeper takes over only until
it has had a hub that served: who finds somebody else's hub on the root after that has been succeeded as well.

Standard library only: this is the one process of the container that cannot be started again.
"""

import argparse
import contextlib
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mediamesh_agent.backoff import Backoff
from mediamesh_agent.hub import logs
from mediamesh_agent.hub.options import HANDED_OVER

log = logging.getLogger(__name__)

_ENDING: Final = frozenset({signal.SIGTERM, signal.SIGINT})
_HEARD: Final = _ENDING | {signal.SIGCHLD}
_WRONG_COMMAND_LINE: Final = 2
_FINAL: Final = frozenset({0, _WRONG_COMMAND_LINE})
_READY: Final = b"ready\n"
_CONTROL_SOCKET: Final = "hub.sock"


@dataclass(frozen=True, slots=True)
class Settings:
    """The command line."""

    root: Path
    mark: Path
    hub: tuple[str, ...] = ()
    """Options that are the hub's."""

    def command(self, *, succeeding: bool) -> list[str]:
        """Return the command line of a hub."""
        command = [sys.executable, "-m", "mediamesh_agent.hub", f"--root={self.root}", "--log-json", *self.hub]
        return command + ["--replace"] * succeeding


def parse(arguments: Sequence[str]) -> Settings:
    """Read the command line; what is not the keeper's is the hub's to check."""
    parser = argparse.ArgumentParser(prog="python -m mediamesh_agent.hub.keeper", description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True, help="the folder of the hub's sockets")
    parser.add_argument("--mark", type=Path, required=True, help="written when another container has taken over")
    known, hub = parser.parse_known_args(arguments)
    return Settings(known.root, known.mark, tuple(hub))


class Keeper:
    """Runs until the container is to end."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._succeeded = settings.mark.exists()
        self._has_served = False
        self._told_to_end = False
        self._hub = 0

    def run(self) -> int:
        """Return the exit status of the container."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
        backoff = Backoff()
        while not self._told_to_end and not self._succeeded:
            began = time.monotonic()
            status = self._run_hub()
            if status == HANDED_OVER:
                self._leave_mark()
            elif self._is_final(status):
                return status if status >= 0 else 128 - status
            else:
                log.warning("the hub ended with %d; another is started", status)
                self._wait(backoff.delay(time.monotonic() - began))
                self._look_for_successor()
        return self._idle()

    def _is_final(self, status: int) -> bool:
        return self._told_to_end or status in _FINAL

    def _run_hub(self) -> int:
        """Return how a hub has ended: its exit status, or the negative number of a signal."""
        said, words = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            self._hub = self._spawn(words)
            status = None
            while status is None:
                status = self._hear()
            with contextlib.suppress(BlockingIOError):
                self._has_served |= os.read(said, len(_READY)) == _READY
        finally:
            self._hub = 0
            os.close(said)
            os.close(words)
        return status

    def _spawn(self, stdout: int) -> int:
        command = self._settings.command(succeeding=_hub_runs(self._settings.root))
        log.info("starting %s", " ".join(command))
        return os.posix_spawn(
            sys.executable,
            command,
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, stdout, 1)],
            setpgroup=0,  # a terminal's Ctrl-C reaches it through us alone
            setsigmask=(),
        )

    def _hear(self, patience: float | None = None) -> int | None:
        """Wait for the next signal and obey it; return how the hub has ended, if it has."""
        heard = signal.sigwait(_HEARD) if patience is None else _signal_within(patience)
        if heard in _ENDING:
            self._told_to_end = True
            if self._hub:
                os.kill(self._hub, signal.SIGTERM)  # it is not reaped yet, so the pid is its own
        return dict(_reaped()).get(self._hub)

    def _look_for_successor(self) -> None:
        if self._has_served and _hub_runs(self._settings.root):
            self._leave_mark()

    def _leave_mark(self) -> None:
        self._succeeded = True
        try:
            self._settings.mark.touch()
        except OSError as error:
            log.error("no mark can be made at %s: %s", self._settings.mark, error)  # noqa: TRY400 -- it says it all

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._told_to_end and (left := until - time.monotonic()) > 0:
            self._hear(left)

    def _idle(self) -> int:
        """Wait for the end; bridges that a dead hub left behind are told to finish, for the successor has its own."""
        if os.getpid() == 1:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGTERM)
        log.info("the hub of this root is another container's; idle until SIGTERM")
        while not self._told_to_end:
            self._hear()
        return 0


def _hub_runs(root: Path) -> bool:
    """Whether somebody listens on the control socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, contextlib.suppress(OSError):
        probe.connect(str(root / _CONTROL_SOCKET))
        return True
    return False


def _signal_within(seconds: float) -> int:
    """Return the next signal, 0 if none comes in time."""
    heard = signal.sigtimedwait(_HEARD, seconds)
    return heard.si_signo if heard else 0


def _reaped() -> Iterator[tuple[int, int]]:
    """Reap every child that has ended, orphans that fell to us too; yield pid and exit status."""
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            yield pid, os.waitstatus_to_exitcode(status)


def main() -> int:
    """Entry of `python -m mediamesh_agent.hub.keeper`."""
    logs.set_up(as_json=True)
    return Keeper(parse(sys.argv[1:])).run()


if __name__ == "__main__":
    sys.exit(main())
