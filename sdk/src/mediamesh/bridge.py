"""What a bridge is written against, and the program that runs one.

A bridge joins a flow to a protocol or a file. It is an object with a name, the roles it can play, a check of
its settings and a function that runs until the work is done or `context.stopping` is set; a distribution
registers it under the entry point group `mediamesh.bridges`. The hub starts `python -m mediamesh.bridge NAME`
with the instruction in `MEDIAMESH_BRIDGE`. For as long as it lives the process holds a POSIX lock on the file
that the instruction names, which is how a later hub finds it. SIGTERM and SIGINT set `stopping`, which also
ends a blocking `receive` or `acquire` with `mediamesh.Interrupted`. Exit 0 means done for good; after any
other end the hub starts the bridge again, and shows the last line of stderr as the reason. Only a parent learns
an exit status, and the hub of that day may not be the parent, so who is done for good writes `done` into its lock file.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import sys
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from mediamesh.errors import BadInstruction, BridgeAlreadyRuns, Interrupted, UnknownBridge
from mediamesh.stopping import Stopping
from mediamesh_core.errors import MediameshError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from mediamesh.sink import Sink
    from mediamesh.source import Source
    from mediamesh_core.formats import Format

GROUP = "mediamesh.bridges"
INSTRUCTION = "MEDIAMESH_BRIDGE"
MEDIA = "MEDIAMESH_MEDIA"
DONE = b"done\n"
Role = Literal["source", "sink"]
End = TypeVar("End", "Source", "Sink")


class Bridge(Protocol):
    """What an entry point of the group `mediamesh.bridges` names."""

    @property
    def name(self) -> str:
        """Name of the entry point, and of the endpoint's key in a connection."""

    @property
    def roles(self) -> Collection[Role]:
        """`source` if it can feed a flow, `sink` if it can take one."""

    def validate(self, config: Mapping[str, object], role: Role, format: Format) -> None:
        """Raise a `mediamesh_core.errors.UserError` if these settings cannot work for this payload; touches nothing."""

    def run(self, context: BridgeContext) -> None:
        """Work until done (return) or until `context.stopping` is set; an exception is a failure, tried again."""


@dataclass(frozen=True, slots=True)
class BridgeContext:
    """One instruction: which endpoint of which connection to serve, and how."""

    bridge: Bridge
    connection: str  # "namespace/name"
    endpoint: str
    role: Role
    config: Mapping[str, object]
    media_root: Path  # paths in `config` are below it
    stopping: Stopping = field(default_factory=Stopping)

    def open(self) -> Source | Sink:
        """Attach in the instruction's role; the result is a context manager, and `stopping` interrupts its waits.

        Raises
        ------
        mediamesh.Interrupted
            `stopping` was set before the hub let us attach.
        mediamesh_core.errors.UserError
            The hub refused, or `bridge.validate` did.
        """
        return self.open_source() if self.role == "source" else self.open_sink()

    def open_source(self) -> Source:
        """`open`, for code that serves the role `source` only."""
        from mediamesh.source import Source  # noqa: PLC0415

        return self._attach(Source(self.connection, endpoint=self.endpoint, client=f"bridge {self.bridge.name}"))

    def open_sink(self) -> Sink:
        """`open`, for code that serves the role `sink` only."""
        from mediamesh.sink import Sink  # noqa: PLC0415

        return self._attach(Sink(self.connection, endpoint=self.endpoint, client=f"bridge {self.bridge.name}"))

    def _attach(self, end: End) -> End:
        self.stopping.call(end.interrupt)
        try:
            end.open()
            self.bridge.validate(self.config, self.role, end.format)
        except BaseException:
            end.close()
            raise
        return end


def find(name: str) -> Bridge:
    """Return the installed bridge of that name."""
    from importlib.metadata import entry_points  # noqa: PLC0415

    found = entry_points(group=GROUP, name=name)
    if not found:
        known = ", ".join(sorted(entry_points(group=GROUP).names)) or "none"
        raise UnknownBridge(f"no bridge {name!r} is installed (installed: {known}); install the package that has it")
    bridge: Bridge = next(iter(found)).load()
    return bridge


def names() -> list[str]:
    """Return the names of all installed bridges."""
    from importlib.metadata import entry_points  # noqa: PLC0415

    return sorted(entry_points(group=GROUP).names)


def read_instruction(bridge: Bridge, environment: Mapping[str, str]) -> tuple[BridgeContext, Path]:
    """Return the context and the lock file that the hub's instruction names."""
    try:
        instruction = json.loads(environment[INSTRUCTION])
        role = instruction["role"]
        context = BridgeContext(
            bridge=bridge,
            connection=instruction["connection"],
            endpoint=instruction["endpoint"],
            role=role,
            config=instruction["config"],
            media_root=Path(environment.get(MEDIA) or Path.cwd()),
        )
        lock = Path(instruction["lock"])
    except (KeyError, TypeError, ValueError) as error:
        text = f"{INSTRUCTION} does not hold an instruction ({error!r}); bridges are started by the hub"
        raise BadInstruction(text) from error
    if role not in bridge.roles:
        text = f"bridge {bridge.name!r} cannot be a {role} (it can be: {', '.join(sorted(bridge.roles))})"
        raise BadInstruction(text)
    return context, lock


@contextlib.contextmanager
def holding(lock: Path) -> Iterator[int]:
    """Hold the POSIX lock by which hubs find a running bridge; yields the descriptor of its file, which is empty."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BridgeAlreadyRuns(f"{lock} is held by another process; it serves this endpoint already") from error
        os.ftruncate(descriptor, 0)
        yield descriptor
    finally:
        os.close(descriptor)


def run(name: str, environment: Mapping[str, str]) -> int:
    """Run the bridge `name` as the instruction in `environment` says; return the exit status."""
    try:
        context, lock = read_instruction(find(name), environment)
        with holding(lock) as descriptor:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: context.stopping.set())
            context.bridge.run(context)
            if not context.stopping.is_set():
                _note_done(descriptor)
    except Interrupted:
        return 0
    except MediameshError as error:
        print(_one_line(f"{error.reason}: {error.message}"), file=sys.stderr)
        return 1
    except Exception as error:  # noqa: BLE001  # whatever a bridge raises becomes the reason that people see
        traceback.print_exc()
        print(_one_line(f"{type(error).__name__}: {error}"), file=sys.stderr)
        return 1
    return 0


def _note_done(descriptor: int) -> None:
    with contextlib.suppress(OSError):  # no room for five bytes: the exit status says the same to a parent
        os.write(descriptor, DONE)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def main() -> int:
    """Entry of `python -m mediamesh.bridge NAME`."""
    if len(sys.argv) != 2:
        print("usage: python -m mediamesh.bridge NAME", file=sys.stderr)
        return 2
    return run(sys.argv[1], os.environ)


if __name__ == "__main__":
    sys.exit(main())
