"""All that is asked of a hub by one source or sink, checked before anybody is asked."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mediamesh import folders
from mediamesh.errors import BadOption
from mediamesh.options import RoleName, SinkOptions, SourceOptions, StartName

if TYPE_CHECKING:
    from collections.abc import Mapping

ALLOWED = {"source": tuple(SourceOptions.__annotations__), "sink": tuple(SinkOptions.__annotations__)}
STARTS = ("newest", "next")
HIGHEST = 2**16 - 1
"""Of counts: no ring of memif is longer."""


def program_name() -> str:
    """Return what this program is called."""
    return Path(sys.argv[0]).name or "python"


@dataclass(frozen=True, slots=True)
class Wish:
    """The options of `mediamesh.options` with their defaults."""

    connection: str
    role: RoleName
    endpoint: str = ""
    token: str = ""
    queue: int = 0
    wait: bool = False
    client: str = field(default_factory=program_name)
    root: Path = field(default_factory=folders.root)
    wait_for_sinks: int = 0
    start: StartName | Literal[""] = ""

    def __post_init__(self) -> None:
        for name in ("connection", "endpoint", "token", "client"):
            if not isinstance(getattr(self, name), str):
                raise BadOption(f"{name} is {getattr(self, name)!r}; it has to be a text")
        if not self.connection:
            raise BadOption('connection is empty; write "namespace/name", or "name" for one in default')
        _check_count("queue", self.queue)
        _check_count("wait_for_sinks", self.wait_for_sinks)
        if self.start and self.start not in STARTS:
            raise BadOption(f"start is {self.start!r}; it can be {' or '.join(STARTS)}")

    @classmethod
    def of(cls, connection: str, role: RoleName, options: Mapping[str, object]) -> Wish:
        """Return the wish for these options; those that are None or empty are as if not given.

        Raises
        ------
        BadOption
            One has a value that it cannot have.
        TypeError
            The role has no option of that name.
        """
        for name in options.keys() - set(ALLOWED[role]):
            more = "; the format is the connection's own, `.format` tells it" if name == "format" else ""
            raise TypeError(f"a {role} has no option {name!r} (it has: {', '.join(ALLOWED[role])}){more}")
        given = {name: value for name, value in options.items() if value not in (None, "")}
        if "root" in given:
            given["root"] = Path(str(given["root"]))
        return cls(connection, role, **given)  # type: ignore[arg-type]


def _check_count(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= HIGHEST:
        raise BadOption(f"{name} is {value!r}; it has to be a whole number from 0 to {HIGHEST}")
