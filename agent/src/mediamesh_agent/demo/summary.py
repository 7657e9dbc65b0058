"""The verdict of a run, as a table: what each sink got, lost and had altered."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mediamesh_agent.console import duration
from mediamesh_agent.picture import Latency

_HEAD: Final = ("sink", "frames", "lost", "altered", "dropped", "p50", "p99")
LEGEND: Final = """frames    that it received; of the recorder: that its files give back
lost      that it must have (policy block) and has not; any fails the check
altered   that are not, byte for byte, those of the film; any fails the check
dropped   that the hub left out because it was too slow: its policy dropOldest allows it
p50, p99  from the source's send until it had the frame: half, and 99 of 100, were as quick
-         is not looked at, or cannot be known"""
"""What the columns mean."""


@dataclass(frozen=True, slots=True)
class Row:
    """One sink. None where it cannot be known, or where it does not matter."""

    sink: str
    frames: int
    lost: int | None
    altered: int | None
    dropped: int
    latency: Latency | None
    note: str = ""

    @property
    def failed(self) -> bool:
        """Whether a sink that must get everything did not."""
        return bool(self.lost or self.altered) or (self.frames == 0)


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines of the table."""
    cells = [_HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEAD))]
    for line, note in zip(cells, ["", *(row.note for row in rows)], strict=True):
        first, *rest = (f"{cell:>{width}}" for cell, width in zip(line, widths, strict=True))
        yield f"{first.strip():<{widths[0]}}  {'  '.join(rest)}  {note}".rstrip()


def _cells(row: Row) -> tuple[str, ...]:
    late = (duration(row.latency.p50), duration(row.latency.p99)) if row.latency else ("-", "-")
    return (row.sink, str(row.frames), _count(row.lost), _count(row.altered), str(row.dropped), *late)


def _count(count: int | None) -> str:
    return "-" if count is None else str(count)
