"""What a hub is started with."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """The command line."""

    root: Path
    polling: bool = False
    memory_limit: int | None = None
    take_over: bool = False
    log_json: bool = False
