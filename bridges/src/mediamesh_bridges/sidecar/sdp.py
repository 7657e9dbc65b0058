"""What an RTP stream is, told beside it (RFC 8866): a receiver cannot see it in the packets.

Payload types are those that FFmpeg's muxer gives, so that a sender or receiver of FFmpeg needs no options. The formats'
parameters: RFC 6184 (H.264), 7798 (H.265), 7741 (VP8), 9628 (VP9), 3640 (AAC), 7587 (Opus), 3551 and 3190 (L16, L24).
"""

from __future__ import annotations

from dataclasses import dataclass

from mediamesh_bridges.errors import BadSetting
from mediamesh_bridges.sidecar.targets import Target
from mediamesh_core.formats import AudioFormat, EncodedFormat, Format, VideoFormat
from mediamesh_core.suggestions import not_one_of

VIDEO = {"h264": "H264/90000", "hevc": "H265/90000", "vp8": "VP8/90000", "vp9": "VP9/90000"}
AUDIO = {"aac": "MPEG4-GENERIC/{rate}/{channels}", "opus": "opus/48000/2"}
LINEAR = {"pcm_s16be": "L16/{rate}/{channels}", "pcm_s24be": "L24/{rate}/{channels}"}
_VIDEO_TYPE, _AUDIO_TYPE = 96, 97
_STATIC = {("pcm_s16be", 44100, 2): 10, ("pcm_s16be", 44100, 1): 11}
_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
"""By sampling frequency index: ISO/IEC 14496-3, table 1.18."""


@dataclass(frozen=True, slots=True)
class Media:
    """One RTP stream."""

    codec: str
    """FFmpeg's name."""
    rate: int = 90_000
    channels: int = 2


def media_of(format: Format, codec: str = "") -> Media:
    """Return the stream for a connection: its own codec, or what its pictures and samples are encoded as.

    Raises
    ------
    BadSetting
        RTP has no place for it.
    """
    if isinstance(format, EncodedFormat):
        codec = _known(codec or format.codec, (*VIDEO, *AUDIO))
        return Media(codec, format.sample_rate or 48_000, format.channels or 2)
    if isinstance(format, VideoFormat):
        return Media(_known(codec or "h264", VIDEO))
    if isinstance(format, AudioFormat):
        own = "pcm_s16be" if format.sample_size <= 2 else "pcm_s24be"
        return Media(_known(codec or own, (*AUDIO, *LINEAR)), format.sample_rate, format.channels)
    (kind,) = format.to_spec()
    raise BadSetting(f"RTP has no place for {kind}; use a pipe with as=raw")


def description(media: Media, target: Target) -> str:
    """Return the text for a stream that goes to, or comes to, an address."""
    kind = "video" if media.codec in VIDEO else "audio"
    number = _payload_type(media)
    name = (VIDEO | AUDIO | LINEAR)[media.codec].format(rate=media.rate, channels=media.channels)
    host = f"IP{6 if ':' in target.host else 4} {target.host}"
    lines = [f"v=0\r\no=- 0 0 IN {host}\r\ns=mediamesh\r\nc=IN {host}\r\nt=0 0"]
    lines += [f"m={kind} {target.port} RTP/AVP {number}", f"a=rtpmap:{number} {name}"]
    lines += [f"a=fmtp:{number} {parameters}" for parameters in _parameters(media)]
    return "\r\n".join([*lines, ""])


def _parameters(media: Media) -> list[str]:
    if media.codec == "h264":
        return ["packetization-mode=1"]
    if media.codec == "opus":
        return [f"sprop-stereo={int(media.channels == 2)}"]
    if media.codec == "aac":
        fixed = "profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3"
        return [f"{fixed};config={_audio_specific_config(media).hex()}"]
    return []


def _audio_specific_config(media: Media) -> bytes:
    """Return what a decoder of AAC-LC starts with: ISO/IEC 14496-3, 1.6.2.1."""
    if media.rate not in _RATES:
        raise BadSetting(f"AAC has no {media.rate} Hz; the rates are {', '.join(map(str, _RATES))}")
    configuration = 7 if media.channels == 8 else media.channels
    return (2 << 11 | _RATES.index(media.rate) << 7 | configuration << 3).to_bytes(2, "big")


def _payload_type(media: Media) -> int:
    static = _STATIC.get((media.codec, media.rate, media.channels))
    return static or (_VIDEO_TYPE if media.codec in VIDEO else _AUDIO_TYPE)


def _known(codec: str, codecs: tuple[str, ...] | dict[str, str]) -> str:
    if codec not in codecs:
        raise BadSetting(f"RTP: codec {not_one_of(codec, codecs)}; a pipe or udp: holds more")
    return codec
