"""What a consumer process tells the demo: counts in a small file, replaced atomically.

One file per process, so that a consumer that was killed and started again has two, and nothing is lost but the
last half second of the killed one.
"""

import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True)
class Report:
    """What one consumer process has seen."""

    frames: int = 0
    lost: int = 0
    """Gaps in the sequence that no flag explains."""
    altered: int = 0
    """Pictures that the film does not have."""
    misplaced: int = 0
    """Pictures of the film at the wrong place."""
    changed_in_hand: int = 0
    """Pictures that changed while they were held."""
    discontinuities: int = 0

    @property
    def wrong(self) -> int:
        """Everything that is not as sent."""
        return self.altered + self.misplaced + self.changed_in_hand

    def plus(self, other: "Report") -> "Report":
        """Return the sum."""
        names = [field.name for field in dataclasses.fields(self)]
        return Report(**{name: getattr(self, name) + getattr(other, name) for name in names})

    def write(self, path: Path) -> None:
        """Put it where the demo reads it."""
        part = path.with_suffix(".part")
        part.write_text(json.dumps(dataclasses.asdict(self)))
        part.replace(path)


def own_path(folder: Path, endpoint: str) -> Path:
    """Return where this process reports."""
    return folder / f"{endpoint}-{os.getpid()}.json"


def gathered(folder: Path, endpoint: str) -> Report:
    """Return the sum of what all processes of an endpoint reported."""
    total = Report()
    for path in folder.glob(f"{endpoint}-*.json"):
        total = total.plus(Report(**json.loads(path.read_text())))
    return total
