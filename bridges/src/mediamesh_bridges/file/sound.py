"""PCM sound in the forms that files want it: little endian, 8 bits unsigned, and silence where blocks are missing."""

import numpy as np

from mediamesh_core.formats import AudioFormat


def file_sample_format(format: AudioFormat) -> str:
    """Return the sample format in files: the same values, in little endian."""
    if format.sample_format == "pcm_s8":
        return "pcm_u8"
    return format.sample_format.replace("be", "le")


def to_file(format: AudioFormat, payload: memoryview) -> bytes | memoryview:
    """Return samples as files have them; the payload itself if it is so already."""
    if format.sample_format == "pcm_s8":
        return (np.frombuffer(payload, np.uint8) ^ np.uint8(0x80)).tobytes()
    if not format.sample_format.endswith("be"):
        return payload
    return np.frombuffer(payload, np.uint8).reshape(-1, format.sample_size)[:, ::-1].tobytes()


def silence(format: AudioFormat, samples: int) -> bytes:
    """Return so many samples of silence as files have them."""
    return (b"\x80" if format.sample_size == 1 else b"\0") * (samples * format.channels * format.sample_size)


def samples_in(format: AudioFormat, payload: memoryview) -> int:
    """Return the samples of one channel that a payload holds."""
    return len(payload) // (format.channels * format.sample_size)
