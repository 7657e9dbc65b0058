"""Encoders take no processor for themselves, whoever runs them."""

import os
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import pytest
from bridge_doubles import frames_at, picture
from test_bridges_recorder import recorder

from mediamesh_bridges.file.picture import packer
from mediamesh_core.formats import VideoFormat


def policies() -> set[int]:
    found = set()
    for path in Path("/proc/self/task").iterdir():
        with suppress(ProcessLookupError):  # a thread that was joined may be listed a little longer
            found.add(os.sched_getscheduler(int(path.name)))
    return found


@pytest.mark.parametrize("encoder", ["libsvtav1", "libx265", "ffv1"])
def test_a_recorder_is_scheduled_as_before(tmp_path: Path, encoder: str) -> None:
    format = VideoFormat(64, 64, Fraction(25), "yuv420p")
    payload = bytearray(format.capacity)
    packer(format)(picture(64, 64, "yuv420p", 1), memoryview(payload))
    assert policies() == {os.SCHED_OTHER}
    recording = recorder(tmp_path, "cam.mkv", format, codec=encoder)
    try:
        for frame in frames_at([bytes(payload)] * 3, Fraction(25)):
            recording.record(frame)
        assert policies() == {os.SCHED_OTHER}
    finally:
        recording.close()
    assert policies() == {os.SCHED_OTHER}
