"""Damaged frames that are recorded: one line for each burst."""

from collections.abc import Iterable

import pytest
from bridge_doubles import FakeFrame

from mediamesh.frames import Status
from mediamesh_bridges.file.damage import LONGEST_SECONDS, QUIET_SECONDS, Damage

STATUSES = {".": Status.COMPLETE, "p": Status.PARTIAL, "c": Status.CORRUPT}
SUFFIX = "what has its full length is recorded as it came"


def told(course: Iterable[str], pause: float = QUIET_SECONDS / 4) -> list[str]:
    """Return what is told of frames with these statuses, in a row with pauses between them."""
    lines: list[str] = []
    now = [1000.0]
    damage = Damage(lines.append, lambda: now[0])
    for number, letter in enumerate(course):
        damage.see(FakeFrame(b"", number, 0, status=STATUSES[letter]))
        now[0] += pause
    damage.finish()
    damage.finish()
    return lines


@pytest.mark.parametrize(
    ("course", "lines"),
    [
        ("", []),
        ("......", []),
        ("..p...", ["frame 2 came damaged (1 partial, 0 corrupt)"]),
        ("pc", ["2 of frames 0 to 1 came damaged (1 partial, 1 corrupt)"]),
        ("p.p.c.....p", ["3 of frames 0 to 4 came damaged (2 partial, 1 corrupt)", "frame 10 came damaged (1 partial"]),
        ("....pppp", ["4 of frames 4 to 7 came damaged (4 partial, 0 corrupt)"]),
    ],
)
def test_every_burst_is_one_line(course: str, lines: list[str]) -> None:
    found = told(course)
    assert [line.startswith(begin) for line, begin in zip(found, lines, strict=True)] == [True] * len(lines)
    assert all(line.endswith(SUFFIX) for line in found)


def test_a_burst_without_end_is_told_from_time_to_time() -> None:
    frames = 100
    pause = LONGEST_SECONDS / frames
    found = told("p" * 3 * frames, pause)
    assert len(found) == 3
    assert found[0].startswith(f"{frames} of frames 0 to {frames - 1} came damaged")


def test_a_number_that_no_status_has_is_damage() -> None:
    lines: list[str] = []
    damage = Damage(lines.append, lambda: 0.0)
    damage.see(FakeFrame(b"", 7, 0, status=99))
    damage.finish()
    assert lines[0].startswith("frame 7 came damaged (0 partial, 1 corrupt)")
