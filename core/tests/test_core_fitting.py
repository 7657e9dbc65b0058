"""Files against payloads: which suffix can hold what, and which pictures FFmpeg cannot have."""

import json
from typing import Any

import pytest

from mediamesh_core.kinds import InvalidKinds, load

VIDEO = {"video": {"width": 640, "height": 360, "frameRate": 25, "pixelFormat": "yuv420p"}}
AUDIO = {"audio": {"sampleFormat": "pcm_s16le", "channels": 2}}
ENCODED = {"encoded": {"codec": "h264"}}
ANCILLARY = {"ancillary": {"frameRate": 25}}
BLOB = {"blob": {"maxSize": 10}}
Payload = dict[str, dict[str, Any]]


def odd(pixels: str) -> Payload:
    return {"video": {"width": 641, "height": 361, "frameRate": 25, "pixelFormat": pixels}}


def problems(payload: Payload, source: dict[str, Any], *sinks: dict[str, Any]) -> list[str]:
    spec = {"payload": payload, "source": source, "sinks": [{"name": f"s{n}"} | sink for n, sink in enumerate(sinks)]}
    top = {"apiVersion": "mediamesh.io/v1alpha1", "kind": "MediaConnection", "metadata": {"name": "a"}, "spec": spec}
    try:
        load(json.dumps(top), "a.yaml")
    except InvalidKinds as error:
        return [problem.removeprefix("a.yaml:1: ") for problem in error.problems]
    return []


def recorded(payload: Payload, path: str, **more: str) -> list[str]:
    return problems(payload, {"pod": {}}, {"pod": {}}, {"file": {"path": path} | more})


def played(payload: Payload, path: str) -> list[str]:
    return problems(payload, {"file": {"path": path}})


@pytest.mark.parametrize(
    ("payload", "suffixes"),
    [
        (VIDEO, ("mkv", "mp4", "mov", "y4m", "raw")),
        (AUDIO, ("mkv", "mp4", "mov", "wav", "raw")),
        (ENCODED, ("mkv", "mp4", "mov", "raw")),
        (ANCILLARY, ("raw",)),
        (BLOB, ("raw",)),
    ],
    ids=["video", "audio", "encoded", "ancillary", "blob"],
)
def test_each_payload_has_its_suffixes(payload: Payload, suffixes: tuple[str, ...]) -> None:
    (kind,) = payload
    for suffix in ("mkv", "mp4", "mov", "wav", "y4m", "raw"):
        fix = f"end it in {' or '.join('.' + each for each in suffixes)}"
        complaint = f"spec.sinks[1].file.path: 'b.{suffix}': .{suffix} cannot hold {kind}; {fix}"
        assert recorded(payload, f"b.{suffix}") == ([] if suffix in suffixes else [complaint])


@pytest.mark.parametrize(
    ("payload", "path", "message"),
    [
        (VIDEO, "a.wav", "spec.source.file.path: 'a.wav': a .wav file has no video in it; play another file"),
        (AUDIO, "a.y4m", "spec.source.file.path: 'a.y4m': a .y4m file has no audio in it; play another file"),
        (ENCODED, "a.y4m", "spec.source.file.path: 'a.y4m': a .y4m file has no encoded in it; play another file"),
        (
            BLOB,
            "a.raw",
            "spec.source.file: a file cannot be played as blob; the payload has to be video, audio, encoded",
        ),
        (ANCILLARY, "a.mxf", "spec.source.file: a file cannot be played as ancillary"),
    ],
)
def test_files_that_never_have_it_are_not_played(payload: Payload, path: str, message: str) -> None:
    (problem,) = played(payload, path)
    assert problem.startswith(message)


@pytest.mark.parametrize("payload", [VIDEO, AUDIO, ENCODED], ids=["video", "audio", "encoded"])
def test_files_that_may_have_it_are_played(payload: Payload) -> None:
    assert played(payload, "a.mkv") == played(payload, "film") == []


@pytest.mark.parametrize(("payload", "path"), [(AUDIO, "a.mkv"), (VIDEO, "a.y4m"), (ENCODED, "a.mp4")])
def test_encoders_are_for_video_in_containers(payload: Payload, path: str) -> None:
    (problem,) = recorded(payload, path, codec="ffv1")
    assert (
        problem == "spec.sinks[1].file.codec: 'ffv1' is for uncompressed video in .mkv, .mp4, .mov only; leave it out"
    )
    assert recorded(VIDEO, "a.mkv", codec="ffv1") == []


@pytest.mark.parametrize("pixels", ["v210", "yuv422p10rfc4175"])
def test_odd_widths_of_formats_in_pairs_are_neither_played_nor_recorded(pixels: str) -> None:
    for found in (played(odd(pixels), "a.mkv"), recorded(odd(pixels), "a.mov")):
        (problem,) = found
        assert problem.startswith(
            f"spec.payload.video.width: 641 is odd, and FFmpeg has {pixels} in pairs; make it even"
        )
    assert recorded(odd(pixels), "a.raw") == played(odd(pixels), "a.raw") == []


@pytest.mark.parametrize("pixels", ["yuv422p10le", "yuv420p", "nv12", "uyvy422", "yuv411p"])
def test_odd_sizes_of_what_ffmpeg_rounds_up_are_accepted(pixels: str) -> None:
    assert played(odd(pixels), "a.mkv") == recorded(odd(pixels), "a.mkv") == []
