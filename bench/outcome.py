"""What a case finds out, and the file that keeps it."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a case measured.

    Attributes
    ----------
    value, unit
        The number that the target is about.
    holds
        Whether the target is met; None where there is nothing to meet, only to report.
    shown
        The row's text, for people.
    limit
        What keeps the number from being better.
    peer, peer_value
        Who was measured in the same run, and its number in the same unit.
    details
        Everything behind it: all rounds, other percentiles, settings.
    """

    value: float
    unit: str
    holds: bool | None
    shown: str
    limit: str
    peer: str = ""
    peer_value: float | None = None
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    """An outcome with its name, its target, and where and how it came about."""

    name: str
    what: str
    target: str
    command: str
    machine: dict[str, Any]
    date: str
    seconds: float
    load: dict[str, Any]
    outcome: Outcome

    def as_dict(self) -> dict[str, Any]:
        """Give the content of the result's file: one flat object."""
        flat = {key: value for key, value in asdict(self).items() if key != "outcome"}
        return {**flat, **asdict(self.outcome)}

    def write(self, folder: Path = RESULTS) -> Path:
        """Write `<name>.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}.json"
        path.write_text(json.dumps(self.as_dict(), indent=1) + "\n")
        return path


def read_all(folder: Path = RESULTS) -> dict[str, dict[str, Any]]:
    """Return the last result of every case, by name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
