import pytest

from mediamesh_core.formats import from_spec, label


@pytest.mark.parametrize(
    ("kind", "spec", "words"),
    [
        ("video", {"frameRate": "60000/1001"}, "1920x1080 yuv422p10le 59.94p"),
        ("video", {"frameRate": 25}, "1920x1080 yuv422p10le 25p"),
        ("video", {"frameRate": 100}, "1920x1080 yuv422p10le 100p"),
        ("video", {"frameRate": "24000/1001"}, "1920x1080 yuv422p10le 23.98p"),
        ("video", {"frameRate": "30000/1001", "scan": "interlaced"}, "1920x1080 yuv422p10le 59.94i"),
        ("video", {"frameRate": 25, "scan": "psf"}, "1920x1080 yuv422p10le 25psf"),
        ("video", {"frameRate": "1/60"}, "1920x1080 yuv422p10le 1/60p"),
        ("audio", {"sampleFormat": "pcm_s24be", "channels": 2}, "pcm_s24be 48 kHz 2 ch"),
        ("audio", {"sampleFormat": "pcm_s16le", "channels": 1, "sampleRate": 44100}, "pcm_s16le 44.1 kHz 1 ch"),
        ("ancillary", {"frameRate": "60000/1001"}, "ancillary 59.94/s"),
        ("encoded", {"codec": "h264"}, "h264"),
        ("encoded", {"codec": "h264", "width": 1280, "height": 720, "frameRate": 50}, "h264 1280x720 50/s"),
        ("encoded", {"codec": "aac", "sampleRate": 48000, "channels": 6}, "aac 48 kHz 6 ch"),
        ("blob", {"maxSize": 1000}, "blob, at most 1000 bytes"),
    ],
)
def test_formats_are_told_as_people_say_them(kind: str, spec: dict[str, object], words: str) -> None:
    picture = {"width": 1920, "height": 1080, "pixelFormat": "yuv422p10le"} if kind == "video" else {}
    assert label(from_spec({kind: picture | spec})) == words
