"""PCM audio: one frame is one block of interleaved samples.

A block has a fixed number of samples per channel. SMPTE ST 2110-30 and AES67
name it by a *packet time* that is nominal: 333 µs at 48 kHz means 16 samples,
which last 333⅓ µs; 1.09 ms at 44.1 kHz means 48. So the exact number of samples
is what is kept, and a packet time is only a way to write it.
"""

from dataclasses import dataclass
from fractions import Fraction
from re import compile as pattern
from typing import Self

from mediamesh_core.formats.fields import MAX_BYTES, Fields, FormatError, check_choice, check_integer
from mediamesh_core.formats.plane import Plane
from mediamesh_core.suggestions import shown

MAX_CHANNELS = 128
MAX_SAMPLE_RATE = 768_000
MAX_SAMPLES = 1 << 20
_TIME = pattern(r"([0-9]{1,6}(?:\.[0-9]{1,6})?) ?(us|µs|ms|s)")
_UNITS = {"us": 1_000_000, "µs": 1_000_000, "ms": 1000, "s": 1}
_NOMINAL = Fraction(1, 20)


@dataclass(frozen=True, slots=True)
class SampleFormat:
    """One row of the table of sample formats."""

    name: str
    size: int
    """Bytes of a sample."""
    dtype: str
    """As NumPy spells it; 24-bit samples, which it does not have, are three bytes."""


_ROWS = (
    SampleFormat("pcm_u8", 1, "u1"),
    SampleFormat("pcm_s8", 1, "i1"),
    SampleFormat("pcm_s16le", 2, "<i2"),
    SampleFormat("pcm_s16be", 2, ">i2"),
    SampleFormat("pcm_s24le", 3, "u1"),
    SampleFormat("pcm_s24be", 3, "u1"),
    SampleFormat("pcm_s32le", 4, "<i4"),
    SampleFormat("pcm_s32be", 4, ">i4"),
    SampleFormat("pcm_f32le", 4, "<f4"),
    SampleFormat("pcm_f32be", 4, ">f4"),
    SampleFormat("pcm_f64le", 8, "<f8"),
    SampleFormat("pcm_f64be", 8, ">f8"),
)
SAMPLE_FORMATS: dict[str, SampleFormat] = {row.name: row for row in _ROWS}
"""By the name of FFmpeg's codec."""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Interleaved PCM in blocks; the last block of a source may be shorter.

    Raises `FormatError` for a value that is not in the table or out of range.
    """

    sample_format: str
    channels: int
    sample_rate: int
    """Samples per second of one channel."""
    samples_per_frame: int
    """Samples of one channel in a block."""

    def __post_init__(self) -> None:
        check_choice("audio.sampleFormat", self.sample_format, SAMPLE_FORMATS)
        check_integer("audio.channels", self.channels, 1, MAX_CHANNELS)
        check_integer("audio.sampleRate", self.sample_rate, 1, MAX_SAMPLE_RATE)
        check_integer("audio.samplesPerFrame", self.samples_per_frame, 1, MAX_SAMPLES)
        if self.capacity > MAX_BYTES:
            raise FormatError("audio.samplesPerFrame", f"a block has {self.capacity} bytes, the most is {MAX_BYTES}")

    @property
    def samples(self) -> SampleFormat:
        """The row of the table for `sample_format`."""
        return SAMPLE_FORMATS[self.sample_format]

    @property
    def sample_size(self) -> int:
        """Bytes of one sample of one channel."""
        return self.samples.size

    @property
    def capacity(self) -> int:
        """Bytes of a full block."""
        return self.samples_per_frame * self.channels * self.sample_size

    @property
    def frame_duration(self) -> Fraction:
        """Seconds that a full block lasts, exact."""
        return Fraction(self.samples_per_frame, self.sample_rate)

    @property
    def planes(self) -> tuple[Plane, ...]:
        """One plane, seen as (samples, channels), or (samples, channels, 3) for 24 bits."""
        shape: tuple[int, ...] = (self.samples_per_frame, self.channels)
        shape += (3,) if self.sample_size == 3 else ()
        stride = self.channels * self.sample_size
        names = tuple(f"channel{number}" for number in range(1, self.channels + 1))
        return (
            Plane(names, 0, stride, self.channels, self.samples_per_frame, self.samples.dtype, shape, self.capacity),
        )

    def to_spec(self) -> dict[str, object]:
        """Return it as `spec.payload` of a MediaConnection has it."""
        return {
            "audio": {
                "sampleFormat": self.sample_format,
                "channels": self.channels,
                "sampleRate": self.sample_rate,
                "samplesPerFrame": self.samples_per_frame,
            }
        }

    @classmethod
    def from_fields(cls, spec: object) -> Self:
        """Make it from what stands under `audio`: `packetTime` or `samplesPerFrame`, else 1 ms."""
        fields = Fields("audio", spec)
        sample_format, channels = fields.text("sampleFormat"), fields.integer("channels")
        rate = check_integer("audio.sampleRate", fields.integer("sampleRate", 48000), 1, MAX_SAMPLE_RATE)
        time, count = fields.take("packetTime"), fields.optional_integer("samplesPerFrame")
        fields.finish()
        if time is not None and count is not None:
            raise FormatError("audio.packetTime", "samplesPerFrame says the same exactly; leave one out")
        if count is None:
            count = samples_of("1ms" if time is None else time, rate)
        return cls(sample_format, channels, rate, count)


def samples_of(packet_time: object, sample_rate: int) -> int:
    """Return the samples that a nominal packet time such as "1ms", "125us" or "1.09ms" stands for.

    Raises
    ------
    FormatError
        If it is not a time, or more than 5 % away from every whole number of samples.
    """
    match = _TIME.fullmatch(packet_time) if isinstance(packet_time, str) else None
    if match is None:
        raise FormatError("audio.packetTime", f"{shown(packet_time)} is not a time; write 1ms or 125us")
    exact = Fraction(match[1]) / _UNITS[match[2]] * sample_rate
    count = max(1, round(exact))
    if abs(exact - count) > exact * _NOMINAL:
        amount = f"{packet_time} is {float(exact):.2f} samples at {sample_rate} Hz"
        raise FormatError("audio.packetTime", f"{amount}; write samplesPerFrame, for example {count}")
    return count
