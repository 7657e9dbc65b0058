"""RTP, MPEG-TS and HTTP on loopback, to and from an unmodified ffmpeg."""

import json
import os
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import pytest
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.plans import planned
from mediamesh_testing.waiting import PATIENCE, wait_until
from sidecar_actors import Sidecar, connection, ffmpeg, finish, free_port, serving, stop

from mediamesh.sink import Sink

VIDEO = "video: {width: 320, height: 240, frameRate: 50, pixelFormat: yuv420p}"
SOUND = "audio: {sampleFormat: pcm_s24le, channels: 2, sampleRate: 48000, samplesPerFrame: 480}"
SMALL_SOUND = SOUND.replace("s24le", "s16le")
H264 = "encoded: {codec: h264}"
AAC = "encoded: {codec: aac, sampleRate: 48000, channels: 2}"
OPUS = "encoded: {codec: opus, sampleRate: 48000, channels: 2}"
LIVE = ("-re", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=50")
TONE = ("-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000")
X264 = ("-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-bf", "0")
QUICK = ("-analyzeduration", "500000", "-probesize", "100000")
LISTEN = ("-protocol_whitelist", "file,udp,rtp")


@contextmanager
def feeding(place: Path | str, *film: str) -> Iterator[None]:
    """Have ffmpeg write to a place at its own pace."""
    process = ffmpeg(*film, str(place), stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        stop(process)


FED = [
    (VIDEO, "y4m", (*LIVE, "-pix_fmt", "yuv420p")),
    (H264, "ts", (*LIVE, *X264)),
    (H264, "ts", (*LIVE, *X264[:-2], "-bf", "2")),
    (SOUND, "wav", (*TONE, "-ac", "2", "-c:a", "pcm_s24le")),
    (SMALL_SOUND, "wav", (*TONE, "-ac", "2", "-c:a", "pcm_s16le")),
    (AAC, "ts", (*TONE, "-ac", "2", "-c:a", "aac")),
    (OPUS, "ogg", (*TONE, "-ac", "2", "-c:a", "libopus")),
]
NAMES = ["video", "h264", "reordered", "l24", "l16", "aac", "opus"]


def decoded(*source: str) -> int:
    """Return how many frames ffmpeg decodes of a stream of which it wants 20."""
    joins = ("-max_error_rate", "1")  # whoever comes between two key frames cannot decode before the second
    kind = ("-map", "0", "-frames", "20", "-f", "framemd5", "-")
    made = finish(ffmpeg(*joins, *QUICK, *source, *kind, stdout=-1))
    return sum(not line.startswith(b"#") for line in made.splitlines())


@pytest.mark.parametrize(("payload", "suffix", "film"), FED, ids=NAMES)
def test_ffmpeg_plays_a_connection_as_rtp(
    hub: HubUnderTest, free_dir: Path, payload: str, suffix: str, film: tuple[str, ...]
) -> None:
    hub.apply(*planned(connection("cam", payload)))
    pipe, sdp, port = free_dir / f"in.{suffix}", free_dir / "cam.sdp", free_port(2)
    lines = f"send cam pipe:{pipe}", f"receive cam rtp://127.0.0.1:{port} sdp={sdp}"
    with serving(hub.root, *lines), feeding(pipe, *film):
        wait_until(sdp.exists, "the description")
        assert decoded(*LISTEN, "-i", str(sdp)) == 20


@pytest.mark.parametrize(("payload", "suffix", "film"), FED, ids=NAMES)
def test_ffmpeg_plays_a_connection_as_mpeg_ts(
    hub: HubUnderTest, free_dir: Path, payload: str, suffix: str, film: tuple[str, ...]
) -> None:
    hub.apply(*planned(connection("cam", payload)))
    pipe, port = free_dir / f"in.{suffix}", free_port()
    lines = f"send cam pipe:{pipe}", f"receive cam udp://127.0.0.1:{port}"
    with serving(hub.root, *lines), feeding(pipe, *film):
        assert decoded("-i", f"udp://127.0.0.1:{port}") == 20


def lengths(hub: HubUnderTest, number: int) -> set[int]:
    with Sink("cam", root=hub.root) as sink:
        sink.open(PATIENCE)
        found = set()
        for _ in range(number):
            with sink.receive(PATIENCE) as frame:
                found.add(len(frame))
        return found


SENT = [
    (VIDEO, (*LIVE, *X264), 320 * 240 * 3 // 2),
    (SOUND, (*TONE, "-ac", "2", "-c:a", "pcm_s24be"), 480 * 6),
    (H264, (*LIVE, *X264), None),
    (AAC, (*TONE, "-ac", "2", "-c:a", "aac"), None),
    (OPUS, (*TONE, "-ac", "2", "-c:a", "libopus"), None),
]


@pytest.mark.parametrize(("payload", "film", "length"), SENT, ids=["video", "l24", "h264", "aac", "opus"])
def test_ffmpeg_feeds_a_connection_by_rtp_and_a_second_one_after_it(
    hub: HubUnderTest, payload: str, film: tuple[str, ...], length: int | None
) -> None:
    hub.apply(*planned(connection("cam", payload)))
    port = free_port(2)
    with serving(hub.root, f"send cam rtp://127.0.0.1:{port}") as sidecar:
        sidecar.await_word("begins")
        for first in ("30000", "20000"):  # the second one seems to be behind
            with feeding(f"rtp://127.0.0.1:{port}", *film, "-seq", first, "-f", "rtp"):
                found = lengths(hub, 20)
            assert length is None or found == {length}


@pytest.mark.parametrize(("payload", "film", "length"), [SENT[0], SENT[2], SENT[3]], ids=["video", "h264", "aac"])
def test_ffmpeg_feeds_a_connection_by_mpeg_ts_and_a_second_one_after_it(
    hub: HubUnderTest, payload: str, film: tuple[str, ...], length: int | None
) -> None:
    hub.apply(*planned(connection("cam", payload)))
    port = free_port()
    with serving(hub.root, f"send cam udp://127.0.0.1:{port}") as sidecar:
        for visit in range(1, 3):
            with feeding(f"udp://127.0.0.1:{port}", *film, "-f", "mpegts"):
                found = lengths(hub, 20)
            assert length is None or found == {length}
            sidecar.await_word("the writer has left", visit)


def test_noise_on_a_port_harms_nobody(hub: HubUnderTest) -> None:
    hub.apply(*planned(connection("cam", VIDEO) + connection("rtp", VIDEO)))
    port, other = free_port(), free_port(2)
    with serving(hub.root, f"send cam udp://127.0.0.1:{port}", f"send rtp rtp://127.0.0.1:{other}") as sidecar:
        sidecar.await_word("send rtp rtp")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as noise:
            for number in range(300):
                noise.sendto(os.urandom(1 + number), ("127.0.0.1", port + number % 2 * (other - port)))
            noise.sendto(b"", ("127.0.0.1", port))
        sidecar.await_word("StreamUnusable: what comes to udp:")
        with feeding(f"udp://127.0.0.1:{port}", *LIVE, *X264, "-f", "mpegts"):
            assert len(lengths(hub, 10)) == 1


def parts(port: int, number: int) -> list[tuple[int, int]]:
    """Return the sizes of so many pictures of a page."""
    with av.open(f"http://127.0.0.1:{port}/cam.mjpeg", format="mpjpeg", timeout=PATIENCE) as container:
        pictures = container.decode(video=0)
        return [(picture.width, picture.height) for picture, _ in zip(pictures, range(number), strict=False)]


@pytest.mark.parametrize(
    ("payload", "suffix", "film"),
    [FED[0], FED[1], ("encoded: {codec: mjpeg}", "nut", (*LIVE, "-pix_fmt", "yuvj420p", "-c:v", "mjpeg"))],
    ids=["video", "h264", "mjpeg"],
)
def test_several_viewers_see_a_connection_over_http(
    hub: HubUnderTest, free_dir: Path, payload: str, suffix: str, film: tuple[str, ...]
) -> None:
    hub.apply(*planned(connection("cam", payload)))
    pipe, port = free_dir / f"in.{suffix}", free_port()
    lines = f"send cam pipe:{pipe}", f"receive cam http://127.0.0.1:{port}/cam.mjpeg"
    with serving(hub.root, *lines) as sidecar, feeding(pipe, *film):
        sleeper = urllib.request.urlopen(f"http://127.0.0.1:{port}/cam.mjpeg", timeout=PATIENCE)
        found: list[list[tuple[int, int]]] = []
        viewers = [threading.Thread(target=lambda: found.append(parts(port, 10))) for _ in range(3)]
        for viewer in viewers:
            viewer.start()
        for viewer in viewers:
            viewer.join()
        assert found == [[(320, 240)] * 10] * 3
        sleeper.close()
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/nothing", timeout=PATIENCE)
        assert refused.value.code == 404
        refused.value.close()
        sidecar.await_word("the reader has left")
        wait_until(lambda: not hub.attachments("sink"), "the sink's end")


def test_sound_is_not_shown(hub: HubUnderTest) -> None:
    hub.apply(*planned(connection("cam", SOUND)))
    port = free_port()
    with (
        serving(hub.root, f"receive cam http://127.0.0.1:{port}/cam.mjpeg") as sidecar,
        urllib.request.urlopen(f"http://127.0.0.1:{port}/cam.mjpeg", timeout=PATIENCE),
    ):
        sidecar.await_word("BadSetting: http shows pictures")


class _Film(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path != "/film.ts":
            self.send_error(404)
            return
        self.send_response(200)
        self.end_headers()
        process = ffmpeg(*LIVE, *X264, "-t", "1", "-f", "mpegts", "-", stdout=subprocess.PIPE)
        assert process.stdout is not None
        try:
            while piece := process.stdout.read1(4096):  # type: ignore[attr-defined]
                self.wfile.write(piece)
        except OSError:
            pass
        finally:
            stop(process)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_what_a_server_gives_is_fetched_again_and_again(hub: HubUnderTest) -> None:
    hub.apply(*planned(connection("cam", VIDEO) + connection("gone", VIDEO)))
    port = free_port()
    lines = f"send cam http://127.0.0.1:{port}/film.ts", f"send gone http://127.0.0.1:{port}/nothing"
    with serving(hub.root, *lines) as sidecar:
        sidecar.await_word("ConnectionRefusedError")
        server = ThreadingHTTPServer(("127.0.0.1", port), _Film)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        assert lengths(hub, 10) == {320 * 240 * 3 // 2}
        sidecar.await_word("the writer has left", 2)
        sidecar.await_word(f"http://127.0.0.1:{port}/nothing answers 404")
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_probe_follows_the_lines_and_logs_are_json(hub: HubUnderTest, free_dir: Path) -> None:
    line = f"receive cam pipe:{free_dir / 'out.y4m'}"
    sidecar = Sidecar(hub.root, line, "# and nothing else", arguments=["--json"])
    assert not hub.attachments("sink")
    sidecar.await_word("ready: ")
    assert sidecar.ready()
    second = subprocess.run(
        [sys.executable, "-m", "mediamesh", "sidecar"],
        env=sidecar.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (second.returncode, second.stderr.count("runs already")) == (1, 1)
    assert sidecar.stop() == 0
    assert not sidecar.ready()
    first = json.loads(sidecar.log.splitlines()[0])
    assert (first["level"], first["message"]) == ("info", f"ready: {line}")


def test_a_port_that_is_taken_is_told(hub: HubUnderTest) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        line = f"receive cam http://127.0.0.1:{port}/cam.mjpeg"
        command = [sys.executable, "-m", "mediamesh", "sidecar", line]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert f"mediamesh: http://127.0.0.1:{port}/cam.mjpeg cannot be bound" in ended.stderr
