"""One pass over an encoded stream: its access units with exact times, in the form that `EncodedFormat` promises.

What a container keeps outside the units is put back: byte streams with the parameter sets in every key frame for
h264, hevc and vvc, the sequence header in those of av1, bare frames for aac. Times are counted in the container's
own time base, from the first decoding time of the pass. A unit without a duration lasts until the next one, the
last as long as the one before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Protocol, TypeAlias, cast

from av.audio.stream import AudioStream
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from mediamesh_bridges.file.annexb import CODECS, Codec, ParameterSets
from mediamesh_bridges.file.av1 import SequenceHeader
from mediamesh_bridges.file.timeline import VIDEO_CLOCK

EncodedStream = VideoStream | AudioStream
EncodedPacket: TypeAlias = "Packet[Stream]"

_FILTERS = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb", "vvc": "vvc_mp4toannexb", "aac": "aac_adtstoasc"}
_USUAL_VIDEO = Fraction(1, 25)
_USUAL_AUDIO_SAMPLES = 1024


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """Times in seconds from the first decoding time of the pass."""

    data: bytes
    decode: Fraction
    present: Fraction
    duration: Fraction
    """0 while it is not known."""
    key: bool


class _Completion(Protocol):
    def __call__(self, unit: bytes, /, *, key: bool) -> bytes: ...


def read_pass(container: InputContainer, stream: EncodedStream, codec: str) -> Iterator[AccessUnit]:
    """Yield the access units in decoding order, each with a duration above 0."""
    duration = _usual_duration(stream)
    held: AccessUnit | None = None
    for unit in _without_durations(container, stream, codec):
        if held is not None:
            duration = held.duration or max(unit.decode - held.decode, Fraction(0)) or duration
            yield replace(held, duration=duration)
        held = unit
    if held is not None:
        yield replace(held, duration=held.duration or duration)


def _without_durations(container: InputContainer, stream: EncodedStream, codec: str) -> Iterator[AccessUnit]:
    complete = _completion(codec, stream.codec_context.extradata or b"")
    base = stream.time_base or Fraction(1, VIDEO_CLOCK)
    usual = max(1, round(_usual_duration(stream) / base))
    first: int | None = None
    for packet, decode in _with_decode_times(_filtered(container, stream, codec), usual):
        first = decode if first is None else first
        present = decode if packet.pts is None else packet.pts
        yield AccessUnit(
            complete(bytes(packet), key=packet.is_keyframe),
            (decode - first) * base,
            (present - first) * base,
            (packet.duration or 0) * base,
            packet.is_keyframe,
        )


def _completion(codec: str, extradata: bytes) -> _Completion:
    """Return what makes a codec's key frames decodable by themselves."""
    if codec in CODECS:
        return ParameterSets(cast("Codec", codec), extradata).complete
    if codec == "av1":
        return SequenceHeader(extradata).complete
    return _as_it_is


def _as_it_is(unit: bytes, *, key: bool) -> bytes:
    del key
    return unit


def _with_decode_times(packets: Iterator[EncodedPacket], usual: int) -> Iterator[tuple[EncodedPacket, int]]:
    """Add decoding times that never go back; a file may leave out those before the first that it knows."""
    waiting: list[EncodedPacket] = []
    last: int | None = None
    for packet in packets:
        if last is None and packet.dts is None:
            waiting.append(packet)
            continue
        if last is None:
            yield from _before(waiting, packet.dts or 0, usual)
            waiting = []
        following = packet.dts if packet.dts is not None else (last or 0) + (packet.duration or usual)
        last = following if last is None else max(last, following)
        yield packet, last
    yield from _before(waiting, len(waiting) * usual, usual)


def _before(waiting: list[EncodedPacket], decode: int, usual: int) -> Iterator[tuple[EncodedPacket, int]]:
    """Count back from the first known decoding time."""
    times = []
    for packet in reversed(waiting):
        decode -= packet.duration or usual
        times.append((packet, decode))
    yield from reversed(times)


def _filtered(container: InputContainer, stream: EncodedStream, codec: str) -> Iterator[EncodedPacket]:
    if codec not in _FILTERS:
        yield from (packet for packet in container.demux(stream) if packet.size)
        return
    context = BitStreamFilterContext(_FILTERS[codec], stream)
    for packet in container.demux(stream):
        if packet.size:
            yield from context.filter(packet)
    yield from context.filter(None)


def _usual_duration(stream: EncodedStream) -> Fraction:
    if isinstance(stream, VideoStream):
        return 1 / Fraction(stream.average_rate) if stream.average_rate else _USUAL_VIDEO
    return Fraction(_USUAL_AUDIO_SAMPLES, stream.sample_rate)
