"""Stand-ins for a flow and for the clocks, and small media files made by PyAV."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame

from mediamesh.errors import Detached
from mediamesh_bridges.file.pacing import Now
from mediamesh_bridges.file.scheduling import scheduling_kept

SECOND = 1_000_000_000


@dataclass
class FakeSourceFrame:
    """A frame to fill; `send` puts it into the flow's list."""

    flow: FakeSource
    memory: bytearray
    time: int = 0
    rtp_timestamp: int = 0
    duration: int = 0
    flags: int = 0
    length: int = 0
    cancelled: bool = False

    @property
    def buffer(self) -> memoryview:
        return memoryview(self.memory)

    @property
    def payload(self) -> bytes:
        return bytes(self.memory[: self.length])

    def send(self) -> int:
        if self.flow.hub_restarts:
            self.flow.hub_restarts -= 1
            raise Detached("the hub is gone")
        self.flow.sent.append(self)
        self.flow.sent_at.append(self.flow.clock.now().monotonic)
        return len(self.flow.sent) - 1

    def cancel(self) -> None:
        self.cancelled = True
        self.flow.cancelled += 1


@dataclass
class FakeClock:
    """Time that passes only when somebody waits; stops the player after so many waits."""

    monotonic: int = 5 * SECOND
    tai: int = 1_700_000_000 * SECOND
    stop_after: int | None = None
    waits: int = 0

    def now(self) -> Now:
        return Now(self.monotonic, self.tai)

    def advance(self, nanoseconds: int) -> None:
        self.monotonic += nanoseconds
        self.tai += nanoseconds

    def wait_until(self, deadline: int) -> bool:
        self.advance(max(0, deadline - self.monotonic))
        self.waits += 1
        return self.stop_after is not None and self.waits > self.stop_after


@dataclass
class FakeSource:
    """A flow that takes frames; `before_acquire` may let time pass."""

    capacity: int
    clock: FakeClock = field(default_factory=FakeClock)
    before_acquire: Callable[[int], None] = lambda _: None
    hub_restarts: int = 0
    sent: list[FakeSourceFrame] = field(default_factory=list)
    sent_at: list[int] = field(default_factory=list)
    cancelled: int = 0

    def acquire(self) -> FakeSourceFrame:
        self.before_acquire(len(self.sent))
        return FakeSourceFrame(self, bytearray(self.capacity))


@dataclass(frozen=True)
class FakeFrame:
    """A received frame."""

    payload: bytes
    sequence: int
    time: int
    duration: int = 0
    flags: int = 1
    status: int = 0

    @property
    def buffer(self) -> memoryview:
        return memoryview(self.payload)


def frames_at(payloads: Iterable[bytes], rate: Fraction, begin: int = 1_700_000_037 * SECOND) -> Iterator[FakeFrame]:
    """Number payloads and give them the exact times of a rate."""
    for number, payload in enumerate(payloads):
        yield FakeFrame(payload, number, begin + round(number / rate * SECOND), round(90_000 / rate))


def noise(length: int, seed: int) -> bytes:
    return np.random.default_rng(seed).integers(0, 256, length, dtype=np.uint8).tobytes()


def picture(width: int, height: int, pixels: str, number: int) -> VideoFrame:
    """A picture that differs from number to number, padding included."""
    made = VideoFrame(width, height, pixels)
    for index, plane in enumerate(made.planes):
        rows = np.arange(plane.height, dtype=np.uint16)[:, None] * 3 + np.arange(plane.line_size, dtype=np.uint16)
        values = ((rows + 7 * number + 40 * index) % 200).astype(np.uint8)
        if "10" in pixels:  # the high bytes: neither above 10 bits nor the codes that SDI reserves
            values[:, 1::2] = values[:, 1::2] % 2 + 1
        np.copyto(np.frombuffer(memoryview(plane), np.uint8).reshape(values.shape), values)
    return made


@dataclass(frozen=True)
class Clip:
    """How a test's video file is made."""

    codec: str = "ffv1"
    pixels: str = "yuv420p"
    size: tuple[int, int] = (64, 48)
    rate: Fraction = Fraction(25)
    frames: int = 10
    options: tuple[tuple[str, str], ...] = ()
    times: tuple[int, ...] | None = None
    """Timestamps in 1/rate, if not 0, 1, 2, ..."""


def make_clip(path: Path, clip: Clip) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(clip.codec, rate=clip.rate, options=dict(clip.options))
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = clip.size
        stream.pix_fmt = clip.pixels
        stream.time_base = 1 / clip.rate
        with scheduling_kept():
            container.start_encoding()
        for number in range(clip.frames):
            made = picture(*clip.size, clip.pixels, number)
            made.pts = number if clip.times is None else clip.times[number]
            made.time_base = 1 / clip.rate
            container.mux(stream.encode(made))
        container.mux(stream.encode())
    return path


def make_sound(path: Path, samples: np.ndarray[tuple[int, int], np.dtype[np.int16]], rate: int = 48_000) -> Path:
    """Write interleaved samples (samples, channels) of 16 bits."""
    with av.open(str(path), "w") as container:
        layout = {1: "mono", 2: "stereo", 6: "5.1"}[samples.shape[1]]
        stream = container.add_stream("pcm_s16le", rate=rate, layout=layout)
        packet = av.Packet(samples.astype("<i2").tobytes())
        packet.stream = stream
        packet.pts = packet.dts = 0
        packet.time_base = Fraction(1, rate)
        container.mux(packet)
    return path


def decoded(data: bytes | Path, pixels: str | None = None) -> list[VideoFrame]:
    """Decode all pictures of a file."""
    with av.open(io.BytesIO(data) if isinstance(data, bytes) else str(data), "r") as container:
        pictures = list(container.decode(video=0))
    return [each.reformat(format=pixels, threads=1) if pixels else each for each in pictures]
