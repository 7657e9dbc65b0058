"""The whole way: a file through a real hub into recordings, with real processes that are also killed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from bridge_doubles import Clip, decoded, make_clip
from mediamesh_testing.hub import HubUnderTest, running_hub
from mediamesh_testing.plans import planned
from mediamesh_testing.waiting import PATIENCE, wait_until

from mediamesh.frames import Status
from mediamesh.source import Source
from mediamesh_bridges.file.left_out import MOST_IN_A_ROW
from mediamesh_protos import plan_pb2

CLIP = Clip("libx264", frames=30, rate=Fraction(100), options=(("g", "10"), ("bf", "0")))
CONNECTION = """
apiVersion: mediamesh.io/v1alpha1
kind: MediaConnection
metadata: {{name: film}}
spec:
  payload: {{{payload}}}
  source: {{name: player, file: {{path: clip.mp4, loop: {loop}}}}}
  sinks:
  - name: recorder
    file: {{path: {recording}}}
    delivery: {{policy: block}}
"""
APPLICATION = """
apiVersion: mediamesh.io/v1alpha1
kind: MediaConnection
metadata: {name: film}
spec:
  payload: {video: {width: 64, height: 48, frameRate: 100, pixelFormat: yuv420p}}
  source: {name: camera, pod: {}}
  sinks:
  - name: recorder
    file: {path: cam.mkv}
    delivery: {policy: block}
"""
VIDEO = "video: {width: 64, height: 48, frameRate: 100, pixelFormat: yuv420p}"
ENCODED = "encoded: {codec: h264}"


@pytest.fixture
def hub(free_dir: Path, tmp_path: Path) -> Iterator[HubUnderTest]:
    """A hub whose bridges find the clip, and record, in `tmp_path`."""
    make_clip(tmp_path / "clip.mp4", CLIP)
    with running_hub(free_dir / "mesh", environment={"MEDIAMESH_MEDIA": str(tmp_path)}) as running:
        yield running


def film(payload: str, recording: str, *, loop: bool = True) -> list[plan_pb2.FlowPlan]:
    return planned(CONNECTION.format(payload=payload, recording=recording, loop=str(loop).lower()))


def grown(path: Path, least: int) -> bool:
    with suppress(FileNotFoundError):
        return path.stat().st_size > least
    return False


def numbers(recording: Path) -> list[int]:
    """Which pictures of the clip a recording has, in its order."""
    pictures = enumerate(decoded(recording.with_name("clip.mp4")))
    originals = {frame.to_ndarray().tobytes(): number for number, frame in pictures}
    assert len(originals) == CLIP.frames
    return [originals[frame.to_ndarray().tobytes()] for frame in decoded(recording)]


def attached(hub: HubUnderTest, endpoint: str) -> bool:
    return any(one.endpoint == endpoint for one in hub.attachments("sink"))


def follow_on(pictures: list[int]) -> bool:
    return all(after == (before + 1) % CLIP.frames for before, after in pairwise(pictures))


@pytest.mark.parametrize("recording", ["cam.mkv", "cam.y4m"])
def test_every_picture_of_a_looping_film_is_recorded_and_the_file_is_finished(
    hub: HubUnderTest, tmp_path: Path, recording: str
) -> None:
    hub.apply(*film(VIDEO, recording))
    wait_until(lambda: grown(tmp_path / f".{recording}.part", 200_000), "frames are recorded")
    hub.apply()
    wait_until((tmp_path / recording).exists, "the recording is finished")
    pictures = numbers(tmp_path / recording)
    assert len(pictures) > CLIP.frames
    assert follow_on(pictures)


def test_encoded_video_passes_through_unchanged(hub: HubUnderTest, tmp_path: Path) -> None:
    hub.apply(*film(ENCODED, "copy.mkv"))
    wait_until(lambda: any(one.received > 100 for one in hub.attachments("sink")), "two passes")
    hub.apply()
    wait_until((tmp_path / "copy.mkv").exists, "the recording is finished")
    pictures = numbers(tmp_path / "copy.mkv")
    assert len(pictures) > CLIP.frames
    assert follow_on(pictures)


def test_a_killed_recorder_publishes_its_part_and_goes_on(hub: HubUnderTest, tmp_path: Path) -> None:
    hub.apply(*film(VIDEO, "cam.mkv"))
    wait_until(lambda: grown(tmp_path / ".cam.mkv.part", 100_000), "frames are recorded")
    hub.kill_bridge("recorder")
    recovered = tmp_path / "cam.recovered.mkv"
    wait_until(lambda: recovered.exists() and recovered.stat().st_nlink == 1, "the part is published")
    wait_until(lambda: grown(tmp_path / ".cam.mkv.part", 20_000), "frames are recorded again")
    hub.apply()
    wait_until((tmp_path / "cam.mkv").exists, "the recording is finished")
    assert follow_on(numbers(recovered))
    assert follow_on(numbers(tmp_path / "cam.mkv"))


def test_a_film_that_does_not_loop_is_recorded_from_its_first_to_its_last_picture(
    hub: HubUnderTest, tmp_path: Path
) -> None:
    (tmp_path / "clip.mp4").rename(tmp_path / "away.mp4")
    hub.apply(*film(VIDEO, "cam.mkv", loop=False))
    wait_until(lambda: attached(hub, "recorder"), "the recorder waits for frames")
    (tmp_path / "away.mp4").rename(tmp_path / "clip.mp4")
    wait_until((tmp_path / "cam.mkv").exists, "the recording is finished")
    wait_until(lambda: hub.bridge("player").state == "Stopped", "the player has ended")
    assert numbers(tmp_path / "cam.mkv") == list(range(CLIP.frames))
    assert hub.bridge("recorder").state == "Running"


def test_a_film_that_is_not_there_is_said_and_tried_again(hub: HubUnderTest, tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").rename(tmp_path / "away.mp4")
    hub.apply(*film(VIDEO, "cam.mkv"))
    wait_until(lambda: "FileUnusable: cannot open 'clip.mp4'" in hub.bridge("player").last_error, "the reason")
    (tmp_path / "away.mp4").rename(tmp_path / "clip.mp4")
    wait_until(lambda: grown(tmp_path / ".cam.mkv.part", 20_000), "frames are recorded")


def test_damaged_pictures_are_recorded_and_told_once(hub: HubUnderTest) -> None:
    hub.apply(*planned(APPLICATION))
    with Source("default/film", root=hub.root) as source:
        wait_until(lambda: attached(hub, "recorder"), "the recorder waits for frames")
        source.send(bytes(4608), timeout=PATIENCE)  # to begin a file may take so long that it ends a burst
        for _ in range(3):
            source.send(bytes(4608), status=Status.PARTIAL, timeout=PATIENCE)
        wait_until(lambda: hub.attachments("sink")[0].damaged == 3, "the frames are recorded")
        hub.apply()
        wait_until(lambda: "3 of frames 1 to 3 came damaged (3 partial, 0 corrupt)" in hub.log, "the word of it")
    assert hub.log.count("came damaged") == 1


def test_pictures_of_a_wrong_length_are_seen_in_the_status(hub: HubUnderTest, tmp_path: Path) -> None:
    hub.apply(*planned(APPLICATION))
    with Source("default/film", root=hub.root) as source:
        wait_until(lambda: attached(hub, "recorder"), "the recorder waits for frames")
        for _ in range(MOST_IN_A_ROW):
            frame = source.acquire(PATIENCE)  # `Source.send` would refuse it
            frame.length = 5
            frame.send()
        wait_until(lambda: "FramesNotWhole: none of the last 100" in hub.bridge("recorder").last_error, "the reason")
    assert "1 frame is not whole and left out, frame 0 has 5 bytes instead of 4608 bytes" in hub.log
