"""Recorders that are killed and disks that are full: what was recorded stays readable."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import pytest
from bridge_doubles import frames_at, noise

from mediamesh_bridges.errors import DiskFull, RecordingFailed
from mediamesh_bridges.file.left_out import LeftOut
from mediamesh_bridges.file.recorder import Recorder
from mediamesh_bridges.file.recovery import publish_leftovers
from mediamesh_bridges.file.settings import record_settings
from mediamesh_core.formats import AudioFormat, Format, VideoFormat, to_json

VIDEO = VideoFormat(64, 48, Fraction(25), "yuv420p")
SOUND = AudioFormat("pcm_s16le", 2, 48_000, 1920)
PROGRAM = Path(__file__).with_name("recorder_process.py")
CASES = [
    ("cam.mkv", VIDEO),
    ("cam.mp4", VIDEO),
    ("cam.mov", VIDEO),
    ("cam.ts", VIDEO),
    ("cam.avi", VIDEO),
    ("cam.webm", VIDEO),
    ("cam.nut", VIDEO),
    ("cam.mpg", VIDEO),
    ("cam.mxf", VIDEO),
    ("cam.flv", VIDEO),
    ("cam.wmv", VIDEO),
    ("cam.3gp", VIDEO),
    ("cam.y4m", VIDEO),
    ("cam.raw", VIDEO),
    ("sound.wav", SOUND),
    ("sound.mkv", SOUND),
    ("sound.mov", SOUND),
    ("sound.caf", SOUND),
]
BEHIND = 60
"""Frames that a killed recorder may lose: what the encoder looks ahead, and a fragment or cluster that was begun."""


@contextmanager
def recording_process(root: Path, path: str, format: Format) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(PROGRAM), str(root), path, to_json(format)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def recorder_of(root: Path, name: str, format: Format) -> Recorder:
    left_out = LeftOut(print, lambda: 0.0)
    return Recorder(root, record_settings({"path": name}), format, lambda tai: tai / 1e9, left_out)


def recorded_until(process: subprocess.Popen[str], frames: int) -> int:
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip().isdigit() and int(line) >= frames:
            return int(line)
    raise AssertionError(process.communicate())


def names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def frames_in(path: Path, format: Format) -> int:
    if path.suffix == ".raw" or ".raw" in path.suffixes:
        return path.stat().st_size // format.capacity
    with av.open(str(path), "r") as container:
        if isinstance(format, VideoFormat):
            return sum(1 for _ in container.decode(video=0))
        samples = sum(frame.samples for frame in container.decode(audio=0))
        return samples // SOUND.samples_per_frame


@pytest.mark.parametrize(("name", "format"), CASES)
def test_after_kill_9_the_part_is_readable_and_the_next_recorder_publishes_it(
    tmp_path: Path, name: str, format: Format
) -> None:
    with recording_process(tmp_path, name, format) as process:
        written = recorded_until(process, 200)
        process.send_signal(signal.SIGKILL)
        process.wait()
    part = tmp_path / f".{name}.part"
    assert frames_in(part, format) >= written - BEHIND
    stem, suffix = name.split(".")
    assert publish_leftovers(tmp_path, name) == [f"{stem}.recovered.{suffix}"]
    following = recorder_of(tmp_path, name, format)
    for frame in frames_at((noise(format.capacity, number) for number in range(10)), Fraction(25)):
        following.record(frame)
    assert names_in(tmp_path) == [f".{name}.part", f"{stem}.recovered.{suffix}"]
    following.close()
    assert frames_in(tmp_path / f"{stem}.recovered.{suffix}", format) >= written - BEHIND


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MiB: a file system of its own where that may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.fail(f"tests of a full disk have to mount a small one: {mounted.stderr.decode()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def endless(root: Path, name: str, format: Format) -> None:
    recorder = recorder_of(root, name, format)
    payloads = (noise(format.capacity, number) for number in range(10_000))
    for frame in frames_at(payloads, Fraction(25)):
        recorder.record(frame)


@pytest.mark.parametrize(("name", "format"), CASES)
def test_a_full_disk_ends_the_recording_and_keeps_it(small_disk: Path, name: str, format: Format) -> None:
    with pytest.raises(DiskFull, match=f"the disk is full: '{name}' ended early, what was recorded so far is '{name}'"):
        endless(small_disk, name, format)
    assert names_in(small_disk) == [name]
    assert frames_in(small_disk / name, format) >= 30


def test_on_a_full_disk_no_recording_is_begun(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(1 << 20 | 1 << 19))
    for _ in range(3):
        with pytest.raises(DiskFull, match="is not begun"):
            endless(small_disk, "cam.mkv", VIDEO)
    assert names_in(small_disk) == ["ballast"]


def test_a_folder_that_takes_no_files_is_not_called_full() -> None:
    with pytest.raises(RecordingFailed, match=r"'cam\.y4m' cannot be begun: No such file or directory"):
        endless(Path("/proc"), "cam.y4m", VIDEO)


def test_a_full_disk_is_one_line_and_a_bad_exit_for_the_process(small_disk: Path) -> None:
    with recording_process(small_disk, "cam.y4m", VIDEO) as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.splitlines() == [
        "DiskFull: the disk is full: 'cam.y4m' ended early, what was recorded so far is 'cam.y4m'"
    ]


def test_a_leftover_is_published_on_a_disk_that_is_still_full(small_disk: Path) -> None:
    (small_disk / ".cam.y4m.part").write_bytes(bytes((2 << 20) - 4096))
    assert publish_leftovers(small_disk, "cam.y4m") == ["cam.recovered.y4m"]


@pytest.mark.parametrize("path", ["file/cam.y4m", "link/cam.y4m"])
def test_a_folder_that_cannot_be_had_is_said_in_one_line(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(Exception, match=r"cam\.y4m|symbolic link") as caught:
        endless(tmp_path, path, VIDEO)
    assert "\n" not in str(caught.value)


def test_a_media_folder_that_is_gone_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(RecordingFailed, match=r"'cam\.y4m' cannot be begun: No such file"):
        endless(tmp_path / "gone", "cam.y4m", VIDEO)
