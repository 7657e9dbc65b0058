"""The whole way: a file through a real hub into recordings, with real processes that are also killed."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from bridge_doubles import Clip, decoded, make_clip
from bridge_mesh import PATIENCE, Mesh, running_mesh, wait_until

from mediamesh.source import Source
from mediamesh_bridges.file.left_out import MOST_IN_A_ROW

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
def mesh(free_dir: Path, tmp_path: Path) -> Iterator[Mesh]:
    make_clip(tmp_path / "clip.mp4", CLIP)
    with running_mesh(free_dir / "mesh", tmp_path) as running:
        yield running


def connection(payload: str, recording: str, *, loop: bool = True) -> str:
    return CONNECTION.format(payload=payload, recording=recording, loop=str(loop).lower())


def grown(mesh: Mesh, name: str, least: int) -> bool:
    path = mesh.media / name
    return path.exists() and path.stat().st_size > least


def numbers(mesh: Mesh, recording: str) -> list[int]:
    """Which pictures of the clip a recording has, in its order."""
    originals = {frame.to_ndarray().tobytes(): number for number, frame in enumerate(decoded(mesh.media / "clip.mp4"))}
    assert len(originals) == CLIP.frames
    return [originals[frame.to_ndarray().tobytes()] for frame in decoded(mesh.media / recording)]


def attached(mesh: Mesh, endpoint: str) -> bool:
    return any(each.endpoint == endpoint for flow in mesh.observe().flows for each in flow.attachments)


def follow_on(pictures: list[int]) -> bool:
    return all(after == (before + 1) % CLIP.frames for before, after in pairwise(pictures))


@pytest.mark.parametrize("recording", ["cam.mkv", "cam.y4m"])
def test_every_picture_of_a_looping_film_is_recorded_and_the_file_is_finished(mesh: Mesh, recording: str) -> None:
    mesh.apply(connection(VIDEO, recording))
    wait_until(lambda: grown(mesh, f".{recording}.part", 200_000), "frames are recorded")
    mesh.apply("")
    wait_until((mesh.media / recording).exists, "the recording is finished")
    pictures = numbers(mesh, recording)
    assert len(pictures) > CLIP.frames
    assert follow_on(pictures)


def test_encoded_video_passes_through_unchanged(mesh: Mesh) -> None:
    mesh.apply(connection(ENCODED, "copy.mkv"))
    wait_until(lambda: mesh.observe().flows[0].frames > 100, "two passes")
    mesh.apply("")
    wait_until((mesh.media / "copy.mkv").exists, "the recording is finished")
    pictures = numbers(mesh, "copy.mkv")
    assert len(pictures) > CLIP.frames
    assert follow_on(pictures)


def test_a_killed_recorder_publishes_its_part_and_goes_on(mesh: Mesh) -> None:
    mesh.apply(connection(VIDEO, "cam.mkv"))
    wait_until(lambda: grown(mesh, ".cam.mkv.part", 100_000), "frames are recorded")
    mesh.kill("recorder")
    wait_until((mesh.media / "cam.recovered.mkv").exists, "the part is published")
    wait_until(lambda: grown(mesh, ".cam.mkv.part", 20_000), "frames are recorded again")
    mesh.apply("")
    wait_until((mesh.media / "cam.mkv").exists, "the recording is finished")
    assert follow_on(numbers(mesh, "cam.recovered.mkv"))
    assert follow_on(numbers(mesh, "cam.mkv"))


def test_a_film_that_does_not_loop_is_recorded_from_its_first_to_its_last_picture(mesh: Mesh) -> None:
    (mesh.media / "clip.mp4").rename(mesh.media / "away.mp4")
    mesh.apply(connection(VIDEO, "cam.mkv", loop=False))
    wait_until(lambda: attached(mesh, "recorder"), "the recorder waits for frames")
    (mesh.media / "away.mp4").rename(mesh.media / "clip.mp4")
    wait_until((mesh.media / "cam.mkv").exists, "the recording is finished")
    wait_until(lambda: mesh.bridge("player").state == "Stopped", "the player has ended")
    assert numbers(mesh, "cam.mkv") == list(range(CLIP.frames))
    assert mesh.bridge("recorder").state == "Running"


def test_a_film_that_is_not_there_is_said_and_tried_again(mesh: Mesh) -> None:
    (mesh.media / "clip.mp4").rename(mesh.media / "away.mp4")
    mesh.apply(connection(VIDEO, "cam.mkv"))
    wait_until(lambda: "FileUnusable: cannot open 'clip.mp4'" in mesh.bridge("player").last_error, "the reason")
    (mesh.media / "away.mp4").rename(mesh.media / "clip.mp4")
    wait_until(lambda: grown(mesh, ".cam.mkv.part", 20_000), "frames are recorded")


def test_pictures_of_a_wrong_length_are_seen_in_the_status(mesh: Mesh) -> None:
    mesh.apply(APPLICATION)
    with Source("default/film", root=mesh.root) as source:
        wait_until(lambda: attached(mesh, "recorder"), "the recorder waits for frames")
        for _ in range(MOST_IN_A_ROW):
            frame = source.acquire(PATIENCE)  # `Source.send` would refuse it
            frame.length = 5
            frame.send()
        wait_until(lambda: "FramesNotWhole: none of the last 100" in mesh.bridge("recorder").last_error, "the reason")
    assert "1 frame is not whole and left out, frame 0 has 5 bytes instead of 4608 bytes" in mesh.log
