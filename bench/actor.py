"""The other processes of a benchmark, as the one that directs them sees them.

An actor is `python -m bench.actors.<name>`. It is told what to do by lines of JSON on stdin and answers each with one
line on stdout; between commands it sleeps in a read, and end of file is its end. So a set-up lives through all rounds
and costs nothing while it is another's turn.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, cast

PATIENCE = 60.0
ROOT = Path(__file__).parent.parent


class ActorFailed(Exception):
    """An actor died or did not answer in time."""


class Actor:
    """One process.

    Parameters
    ----------
    name
        Of the module in `bench.actors`.
    settings
        Arguments of the actor's class.
    descriptors
        Descriptors that it inherits under the same numbers.
    """

    def __init__(self, name: str, settings: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
        self._name = name
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"bench.actors.{name}", json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            pass_fds=descriptors,
        )
        self._in, self._out = cast("IO[bytes]", self._process.stdin), cast("IO[bytes]", self._process.stdout)
        self._rest = b""

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def begin(self, command: str, **arguments: Any) -> None:
        """Tell it to do something; `result` has the answer."""
        self._in.write(json.dumps([command, arguments]).encode() + b"\n")
        self._in.flush()

    def result(self, patience: float = PATIENCE) -> Any:
        """Return the answer to the oldest command that has none yet."""
        return json.loads(self._line(patience))

    def ask(self, command: str, **arguments: Any) -> Any:
        """Do both."""
        self.begin(command, **arguments)
        return self.result()

    def stop(self) -> None:
        """SIGSTOP."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT."""
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End it, by its own will or not."""
        self.go_on()
        with contextlib.suppress(BrokenPipeError):
            self._in.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._out.close()

    def _line(self, patience: float) -> bytes:
        while b"\n" not in self._rest:
            readable, _, _ = select.select([self._out], [], [], patience)
            data = os.read(self._out.fileno(), 1 << 20) if readable else b""
            if not data:
                raise ActorFailed(f"{self._name} {'has died' if readable else 'does not answer'}")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line


@contextlib.contextmanager
def company(*actors: Actor) -> Iterator[None]:
    """Wait until all have answered that they are ready; end them afterwards."""
    try:
        for actor in actors:
            actor.result()
        yield
    finally:
        for actor in actors:
            actor.close()
