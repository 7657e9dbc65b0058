"""What a hub is started with."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

HANDED_OVER: Final = 3
"""Exit status of a hub whose place a successor takes."""


@dataclass(frozen=True, slots=True)
class Options:
    """The command line."""

    root: Path
    polling: bool = False
    memory_limit: int | None = None
    take_over: bool = False
    replace: bool = False
    log_json: bool = False
    check_cgroup: bool = False
