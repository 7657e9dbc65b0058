"""The player: what it sends, when, and how it ends."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from bridge_doubles import SECOND, Clip, FakeClock, FakeSource, make_clip

from mediamesh_bridges.errors import FileUnusable
from mediamesh_bridges.file.media import MediaPath
from mediamesh_bridges.file.pacing import Schedule
from mediamesh_bridges.file.player import Player
from mediamesh_bridges.file.prefetch import prefetched
from mediamesh_bridges.file.readers import open_reader
from mediamesh_bridges.file.unit import Unit
from mediamesh_core.formats import VideoFormat

KEY, DISCONTINUITY, END = 1, 2, 4
RATE = Fraction(30000, 1001)


def numbered(count: int, rate: Fraction = RATE, *, key: bool = False) -> list[Unit]:
    def unit(number: int) -> Unit:
        def fill(payload: memoryview) -> int:
            payload[:2] = number.to_bytes(2, "big")
            return 2

        return Unit(number / rate, number / rate, 1 / rate, fill, key)

    return [unit(number) for number in range(count)]


def play(source: FakeSource, units: list[Unit]) -> None:
    Player(source, source.clock, Schedule(90_000)).play(units)


def test_units_are_sent_at_their_moments_with_exact_times() -> None:
    source = FakeSource(8)
    begin, tai = source.clock.monotonic, source.clock.tai
    play(source, numbered(100))
    exact = [round(number / RATE * SECOND) for number in range(100)]
    assert source.sent_at == [begin + moment for moment in exact]
    assert [frame.time for frame in source.sent] == [tai + moment for moment in exact]
    assert [frame.payload for frame in source.sent] == [number.to_bytes(2, "big") for number in range(100)]
    assert {frame.duration for frame in source.sent} == {3003}
    assert {(after.rtp_timestamp - before.rtp_timestamp) % 2**32 for before, after in pairwise(source.sent)} == {3003}


def test_only_the_last_unit_ends_the_stream() -> None:
    source = FakeSource(8)
    play(source, numbered(3, key=True))
    assert [frame.flags for frame in source.sent] == [KEY, KEY, KEY | END]


def test_the_player_stays_until_the_last_unit_is_over() -> None:
    source = FakeSource(8)
    begin = source.clock.monotonic
    play(source, numbered(3))
    assert source.clock.monotonic == begin + round(3 / RATE * SECOND)


def test_time_spent_waiting_for_the_first_frame_is_not_lateness() -> None:
    source = FakeSource(8)
    source.before_acquire = lambda sent: None if sent else source.clock.advance(60 * SECOND)
    play(source, numbered(3))
    assert not any(frame.flags & DISCONTINUITY for frame in source.sent)


def test_a_source_that_was_held_back_for_long_goes_on_from_now_and_says_so() -> None:
    source = FakeSource(8)
    source.before_acquire = lambda sent: source.clock.advance(3 * SECOND) if sent == 2 else None
    play(source, numbered(5))
    assert [bool(frame.flags & DISCONTINUITY) for frame in source.sent] == [False, False, True, False, False]
    assert source.sent_at[3] - source.sent_at[2] == pytest.approx(SECOND / RATE, abs=1)
    assert source.sent[2].time - source.sent[1].time == pytest.approx(3 * SECOND, abs=1)


def test_a_unit_is_sent_again_when_its_frame_went_with_the_hub() -> None:
    source = FakeSource(8, hub_restarts=2)
    play(source, numbered(3))
    assert [frame.payload[1] for frame in source.sent] == [0, 1, 2]


def test_asked_to_stop_the_player_gives_its_frame_back() -> None:
    source = FakeSource(8, FakeClock(stop_after=5))
    play(source, numbered(100))
    assert (len(source.sent), source.cancelled) == (5, 1)
    assert not source.sent[-1].flags & END


def test_a_unit_that_cannot_be_read_ends_the_playing_and_gives_the_frame_back() -> None:
    def broken(payload: memoryview) -> int:
        raise FileUnusable("gone")

    source = FakeSource(8)
    with pytest.raises(FileUnusable, match="gone"):
        play(source, [Unit(Fraction(0), Fraction(0), Fraction(1), broken)])
    assert (source.sent, source.cancelled) == ([], 1)


def test_a_loop_has_no_seam(tmp_path: Path) -> None:
    clip = Clip(frames=7, rate=RATE)
    make_clip(tmp_path / "clip.mkv", clip)
    format = VideoFormat(*clip.size, RATE, clip.pixels)
    source = FakeSource(format.capacity, FakeClock(stop_after=7 * 30))
    begin = source.clock.tai
    reader = open_reader(MediaPath(tmp_path, "clip.mkv"), format, loop=True)
    with prefetched(reader.units(), 3) as units:
        Player(source, source.clock, Schedule(reader.clock_rate)).play(units)
    assert len(source.sent) == 210
    assert [frame.time for frame in source.sent] == [begin + round(n / RATE * SECOND) for n in range(210)]
    assert {frame.flags for frame in source.sent} == {0}
    assert all(frame.payload == source.sent[number % 7].payload for number, frame in enumerate(source.sent))
    assert len({frame.payload for frame in source.sent}) == 7
