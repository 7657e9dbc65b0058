"""All that is asked of a hub by one source or sink."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mediamesh import folders
from mediamesh.options import RoleName, StartName


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

    @classmethod
    def of(cls, connection: str, role: RoleName, options: Mapping[str, object]) -> "Wish":
        """Return the wish for these options; those that are None or empty are as if not given."""
        given = {name: value for name, value in options.items() if value not in (None, "")}
        if "root" in given:
            given["root"] = Path(str(given["root"]))
        return cls(connection, role, **given)  # type: ignore[arg-type]
