import pytest

from mediamesh.stopping import Stopping
from mediamesh_bridges.errors import BadLine, BadSetting
from mediamesh_bridges.sidecar import sdp
from mediamesh_bridges.sidecar.joints import joints
from mediamesh_bridges.sidecar.lines import parse_lines
from mediamesh_bridges.sidecar.targets import Target
from mediamesh_core.formats import AudioFormat, BlobFormat, EncodedFormat, VideoFormat

RTP = Target("rtp", "", "127.0.0.1", 5004)


def test_a_line_says_role_connection_place_and_options() -> None:
    text = "\n receive studio/cam1 pipe:/media/cam1.y4m endpoint=eye mode=660  # for the encoder\n# send x pipe:/y\n"
    (line,) = parse_lines(text.splitlines())
    assert (line.role, line.connection, line.target.path) == ("sink", "studio/cam1", "/media/cam1.y4m")
    assert line.options == {"endpoint": "eye", "mode": "660"}
    assert str(line) == "receive studio/cam1 pipe:/media/cam1.y4m"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("recieve cam pipe:/a.y4m", "'recieve' is not one of receive, send; did you mean receive?"),
        ("receive cam", "write: receive CONNECTION URL, such as receive cam1 pipe:/media/cam1.y4m"),
        ("receive cam pipe:a.y4m", "names no pipe by its full path, as in pipe:/media/cam1.y4m"),
        ("receive cam pipe://host/a.y4m", "names no pipe by its full path"),
        ("receive cam pipe:/media/", "names no pipe by its full path"),
        ("receive cam ftp://127.0.0.1:21", "'ftp' is not one of pipe, rtp, udp, http"),
        ("receive cam rtp://127.0.0.1", "names no port, as in rtp://127.0.0.1:5004"),
        ("receive cam rtp://127.0.0.1:65535", "names no port"),
        ("receive cam rtp://127.0.0.1:99999", "is no URL: Port out of range"),
        ("receive cam rtp://127.0.0.1:5004/x", "there is nothing after the port of rtp"),
        ("receive cam udp://camera:5004", "'camera' is no address; write 127.0.0.1 or [::1]"),
        ("receive cam udp://10.1.2.3:5004", "others are served only with --any-address"),
        ("receive cam udp://0.0.0.0:5004", "others are served only with --any-address"),
        ("receive cam udp://127.0.0.1:5004 sdp=/a", "'sdp=/a': behind the URL stands NAME=VALUE; NAME"),
        ("receive cam pipe:/a.y4m mode", "'mode': behind the URL stands NAME=VALUE"),
        ("receive cam pipe:/a.y4m mode=999", "mode '999' is not a file mode such as 660 or 666"),
        ("receive cam pipe:/a.y4m mode=4777", "mode '4777' is not a file mode"),
        ("receive cam pipe:/a.avi", "the suffix of /a.avi, 'avi' is not one of"),
        ("receive cam pipe:/a as=gif", "as='gif' is not one of"),
        ("receive 'cam pipe:/a.y4m", "No closing quotation"),
    ],
)
def test_what_is_wrong_with_a_line_is_told(text: str, complaint: str) -> None:
    stopping = Stopping()
    with pytest.raises(BadLine) as refused:
        joints(parse_lines([text]), stopping)
    stopping.close()
    assert complaint in refused.value.message
    assert refused.value.reason == "BadLine"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("receive a pipe:/a.y4m", "send b pipe:/a.y4m"),
        ("receive a rtp://127.0.0.1:5004", "receive b udp://127.0.0.1:5005"),
        ("receive a http://127.0.0.1:80/a", "receive b http://localhost:80/a"),
    ],
)
def test_two_lines_never_share_a_place(first: str, second: str) -> None:
    with pytest.raises(BadLine, match="lead to the same place"):
        parse_lines([first, second])


def test_two_pages_share_a_port() -> None:
    assert len(parse_lines(["receive a http://127.0.0.1:80/a", "receive b http://127.0.0.1:80/b"])) == 2


def test_other_addresses_can_be_asked_for() -> None:
    (line,) = parse_lines(["receive cam udp://10.1.2.3:5004"], any_address=True)
    assert line.target.address == ("10.1.2.3", 5004)


@pytest.mark.parametrize(
    ("format", "lines"),
    [
        (VideoFormat(64, 48, "25", "v210"), ["m=video 5004 RTP/AVP 96", "a=rtpmap:96 H264/90000"]),  # type: ignore[arg-type]
        (AudioFormat("pcm_s24le", 6, 48000, 48), ["m=audio 5004 RTP/AVP 97", "a=rtpmap:97 L24/48000/6"]),
        (AudioFormat("pcm_s16le", 2, 44100, 48), ["m=audio 5004 RTP/AVP 10", "a=rtpmap:10 L16/44100/2"]),
        (EncodedFormat("hevc", 1000), ["a=rtpmap:96 H265/90000"]),
        (EncodedFormat("opus", 1000, channels=1), ["a=rtpmap:97 opus/48000/2", "a=fmtp:97 sprop-stereo=0"]),
        (
            EncodedFormat("aac", 1000, sample_rate=44100, channels=2),
            ["a=rtpmap:97 MPEG4-GENERIC/44100/2", "indexlength=3;indexdeltalength=3;config=1210"],
        ),
    ],
)
def test_a_stream_is_described(format: object, lines: list[str]) -> None:
    text = sdp.description(sdp.media_of(format), RTP)  # type: ignore[arg-type]
    assert text.startswith("v=0\r\n")
    assert all(line in text for line in lines)


@pytest.mark.parametrize("format", [BlobFormat(10), EncodedFormat("jpegxs", 1000)])
def test_what_rtp_does_not_carry_is_told(format: object) -> None:
    with pytest.raises(BadSetting, match=r"RTP|pipe"):
        sdp.media_of(format)  # type: ignore[arg-type]
