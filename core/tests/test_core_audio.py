"""Audio formats: blocks, packet times and sample formats."""

from fractions import Fraction

import av
import numpy as np
import pytest

from mediamesh_core.formats import SAMPLE_FORMATS, AudioFormat, FormatError, from_spec


def spec(**changes: object) -> dict[str, object]:
    fields = {"sampleFormat": "pcm_s24be", "channels": 2, "sampleRate": 48000}
    return {"audio": {name: value for name, value in (fields | changes).items() if value is not ...}}


def audio(**changes: object) -> AudioFormat:
    made = from_spec(spec(**changes))
    assert isinstance(made, AudioFormat)
    return made


# Samples of a packet: AES67-2018, section 7.2, and SMPTE ST 2110-30; the rest as Media Communications Mesh has them.
@pytest.mark.parametrize(
    ("rate", "time", "samples"),
    [
        (48000, "1ms", 48),
        (48000, "125us", 6),
        (48000, "125µs", 6),
        (48000, "250us", 12),
        (48000, "333us", 16),
        (48000, "4ms", 192),
        (48000, "80us", 4),
        (48000, "1s", 48000),
        (96000, "1ms", 96),
        (96000, "125us", 12),
        (96000, "80us", 8),
        (44100, "1.09ms", 48),
        (44100, "0.14ms", 6),
        (44100, "0.09ms", 4),
    ],
)
def test_packet_time_is_a_number_of_samples(rate: int, time: str, samples: int) -> None:
    assert audio(sampleRate=rate, packetTime=time).samples_per_frame == samples


def test_block_is_a_millisecond_unless_said() -> None:
    assert audio().samples_per_frame == 48
    assert audio(sampleRate=...).sample_rate == 48000
    assert audio(samplesPerFrame=1024).samples_per_frame == 1024
    assert audio(samplesPerFrame=1024).frame_duration == Fraction(1024, 48000)


def test_capacity_is_the_block() -> None:
    assert audio(channels=8).capacity == 48 * 8 * 3


@pytest.mark.parametrize("name", SAMPLE_FORMATS)
def test_sample_size_is_ffmpegs(name: str) -> None:
    context = av.CodecContext.create(name, "w")
    assert isinstance(context, av.AudioCodecContext)
    context.sample_rate, context.layout = 48000, "stereo"
    context.format = av.Codec(name, "w").audio_formats[0]  # type: ignore[index]
    frame = av.AudioFrame(context.format.name, "stereo", 48)
    frame.sample_rate, frame.pts = 48000, 0
    assert sum(packet.size for packet in context.encode(frame)) == audio(sampleFormat=name).capacity


@pytest.mark.parametrize("name", SAMPLE_FORMATS)
def test_plane_is_samples_by_channels(name: str) -> None:
    block = audio(sampleFormat=name, channels=3)
    (plane,) = block.planes
    view = np.frombuffer(bytes(block.capacity), plane.dtype).reshape(plane.shape)
    assert view.shape[:2] == (48, 3)
    assert view.strides[0] == plane.stride
    assert plane.components == ("channel1", "channel2", "channel3")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sampleFormat": "s24be"}, "audio.sampleFormat: 's24be' is not one of"),
        ({"sampleFormat": "s24be"}, "did you mean pcm_s24be?"),
        ({"channels": 0}, "audio.channels: 0 is not between 1 and 128"),
        ({"sampleRate": 0}, "audio.sampleRate: 0 is not between"),
        ({"packetTime": "125us", "sampleRate": 44100}, "125us is 5.51 samples at 44100 Hz; write samplesPerFrame"),
        ({"packetTime": "1us"}, "1us is 0.05 samples"),
        ({"packetTime": "soon"}, "'soon' is not a time; write 1ms or 125us"),
        ({"packetTime": 1}, "1 is not a time"),
        ({"packetTime": "1ms", "samplesPerFrame": 48}, "samplesPerFrame says the same exactly; leave one out"),
        ({"samplesPerFrame": 2**21}, "audio.samplesPerFrame: 2097152 is not between"),
        ({"samplesPerFrame": "48"}, "audio.samplesPerFrame: '48' is not an integer"),
        ({"format": "pcm_s24be"}, "audio.format: there is no such field; did you mean sampleFormat?"),
    ],
)
def test_wrong_field_is_named_with_its_value_and_the_fix(changes: dict[str, object], message: str) -> None:
    with pytest.raises(FormatError) as caught:
        audio(**changes)
    assert message in str(caught.value)
