import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import av
import pytest
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.waiting import wait_until
from sdk_plans import QUEUE, connection

import mediamesh
from mediamesh import bridge
from mediamesh.cli import main
from mediamesh.errors import WrongLength
from mediamesh_core.formats import AudioFormat, BlobFormat, VideoFormat

PICTURE = VideoFormat(64, 32, "25", "yuv420p")  # type: ignore[arg-type]
SOUND = AudioFormat("pcm_s24le", 2, 48000, 480)


def said(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    """Run the program in this process; return what it prints, or its complaint."""
    assert main(arguments) == status
    captured = capsys.readouterr()
    return captured.err if status else captured.out


class Program:
    """The program in a process of its own."""

    def __init__(self, *arguments: str, **options: Any) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mediamesh", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **options,
        )

    def end(self, data: bytes = b"") -> tuple[bytes, bytes]:
        out, err = self.process.communicate(data, timeout=60)
        assert self.process.returncode == 0, err.decode()
        return out, err


def receiver(hub: HubUnderTest, *arguments: str) -> Program:
    """Start `receive` and wait until the hub has it."""
    program = Program("receive", *arguments)
    pid = program.process.pid  # the one before may not be quite gone
    wait_until(lambda: any(one.pid == pid for one in hub.attachments("sink")), "the receiver's attachment")
    return program


@pytest.mark.parametrize(
    ("format", "suffix"),
    [
        (PICTURE, "y4m"),
        (VideoFormat(64, 32, "30000/1001", "yuv422p10le", "interlaced", "bff"), "y4m"),  # type: ignore[arg-type]
        (VideoFormat(64, 32, "25", "v210"), "raw"),  # type: ignore[arg-type]
        (SOUND, "wav"),
        (AudioFormat("pcm_f32le", 1, 44100, 441), "wav"),
        (BlobFormat(100), "raw"),
    ],
)
def test_files_come_back_as_they_were_sent(hub: HubUnderTest, free_dir: Path, format: Any, suffix: str) -> None:
    hub.apply(connection("files", format))
    payloads = [os.urandom(format.capacity) for _ in range(5)]
    first, second = free_dir / f"first.{suffix}", free_dir / f"second.{suffix}"
    recording = receiver(hub, "files", str(first), "--count", "5", "--json")
    with mediamesh.open_source("files", timeout=30) as source:
        for payload in payloads:
            source.send(payload, timeout=30)
    assert json.loads(recording.end()[0]) == {"frames": 5, "bytes": 5 * format.capacity, "dropped": 0}
    recording = receiver(hub, "files", str(second), "--count", "5")
    out, _ = Program("send", "files", str(first), "--fast", "--json").end()
    recording.end()
    assert json.loads(out)["frames"] == 5
    assert first.read_bytes() == second.read_bytes()
    assert all(payload in first.read_bytes() for payload in payloads)


def test_seconds_are_those_of_the_frames(hub: HubUnderTest, free_dir: Path) -> None:
    second = 1_000_000_000
    hub.apply(connection("timed", PICTURE))
    recording = receiver(hub, "timed", str(free_dir / "film.raw"), "--duration", "60", "--json")
    with mediamesh.open_source("timed", timeout=30) as source:
        for number in range(100, 164):  # all at once, as if they had waited
            source.send(bytes(PICTURE.capacity), timeout=30, time=number * second)
        said, _ = recording.end()
    assert json.loads(said)["frames"] == 60


def test_frames_that_were_missed_are_told_of(hub: HubUnderTest, free_dir: Path) -> None:
    hub.apply(connection("gaps", PICTURE, policies=("dropOldest",)))
    recording = receiver(hub, "gaps", str(free_dir / "film.raw"), "--count", "2")
    with mediamesh.open_source("gaps", timeout=30) as source:
        source.send(bytes(PICTURE.capacity), timeout=30)
        wait_until(lambda: hub.attachments("sink")[0].received == 1)
        recording.process.send_signal(signal.SIGSTOP)
        for _ in range(3 * QUEUE):
            source.send(bytes(PICTURE.capacity), timeout=30)
        recording.process.send_signal(signal.SIGCONT)
        _, said = recording.end()
    assert re.search(rb"mediamesh: [0-9]+ frames of the flow were missed", said)


def test_pipes_and_signals(hub: HubUnderTest) -> None:
    hub.apply(connection("pipes", PICTURE))
    recording = receiver(hub, "pipes", "-", "--json")
    stream = b"YUV4MPEG2 W64 H32 F25:1 Ip A1:1 C420mpeg2\n" + 3 * (b"FRAME\n" + bytes(PICTURE.capacity))
    Program("send", "pipes", "-").end(stream)
    wait_until(lambda: hub.attachments("sink")[0].received == 3)
    recording.process.send_signal(signal.SIGTERM)
    out, err = recording.end()
    assert out == stream.replace(b"420mpeg2", b"420jpeg")
    assert json.loads(err.splitlines()[-1])["frames"] == 3  # before it may stand what it waited for


def test_files_of_pyav_are_recorded_and_played(hub: HubUnderTest, free_dir: Path) -> None:
    hub.apply(connection("film", PICTURE))
    film = free_dir / "film.mkv"
    recording = receiver(hub, "film", str(film), "--count", "10")
    Program("send", "film", "--pattern", "bars", "--count", "10", "--fast").end()
    recording.end()
    with av.open(film) as container:
        assert sum(1 for _ in container.decode(video=0)) == 10
    recording = receiver(hub, "film", str(free_dir / "again.y4m"), "--count", "10")
    Program("send", "film", str(film), "--loop", "--count", "10").end()
    recording.end()
    assert (free_dir / "again.y4m").stat().st_size > 10 * PICTURE.capacity


def test_frames_are_paced_and_timed(hub: HubUnderTest) -> None:
    hub.apply(connection("bars", PICTURE))
    with mediamesh.open_sink("bars", timeout=30) as sink:
        sending = Program("send", "bars", "--pattern", "bars", "--count", "3")
        times = []
        for _ in range(3):
            with sink.receive(30) as frame:
                times.append(frame.time)
        sending.end()
        assert [times[1] - times[0], times[2] - times[1]] == [40_000_000, 40_000_000]


def test_snapshot(hub: HubUnderTest, free_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for pixels in ("yuv420p", "v210", "nv12", "rgb24"):
        hub.apply(connection("look", VideoFormat(50, 20, "25", pixels), policies=("dropOldest",)))  # type: ignore[arg-type]
        with mediamesh.open_source("look", timeout=30) as source:
            stop = threading.Event()
            sender = threading.Thread(target=send_grey, args=[source, stop])
            sender.start()
            name = str(free_dir / f"{pixels}.png")
            facts = json.loads(said(capsys, "snapshot", "look", name, "--json"))
            Path(name).write_bytes(b"an old one")
            assert facts.keys() == json.loads(said(capsys, "snapshot", "look", name, "--json", "--force")).keys()
            stop.set()
            sender.join()
        assert (facts["width"], facts["height"], facts["status"]) == (50, 20, "complete")
        with av.open(name) as container:
            picture = next(container.decode(video=0))
            assert (picture.width, picture.height, picture.format.name) == (50, 20, "rgb24")


def test_a_snapshot_of_a_source_long_gone_says_how_old_it_is(
    hub: HubUnderTest, free_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.apply(connection("gone", PICTURE))
    with mediamesh.open_source("gone", timeout=30) as source:
        source.send(bytes(source.capacity), time=time.clock_gettime_ns(time.CLOCK_TAI) - 90 * 10**9, timeout=30)
    assert main(["snapshot", "gone", str(free_dir / "a.png"), "--json"]) == 0
    result = capsys.readouterr()
    assert json.loads(result.out)["ageSeconds"] >= 90
    assert re.fullmatch(r"mediamesh: the picture is \d+ s old; `mediamesh list` shows .*\n", result.err)


def send_grey(source: mediamesh.Source, stop: threading.Event) -> None:
    while not stop.wait(0.005):
        source.send(b"\x80" * source.capacity, timeout=30)


def test_list_and_top(hub: HubUnderTest, capsys: pytest.CaptureFixture[str]) -> None:
    hub.apply(connection("shown", PICTURE))
    with mediamesh.open_sink("shown", timeout=30) as sink, mediamesh.open_source("shown", timeout=30) as source:
        source.send(bytes(source.capacity), timeout=30)
        sink.receive(30).release()
        wait_until(lambda: hub.attachments("sink")[0].received == 1)
        table = said(capsys, "list")
        assert "default/shown" in table
        assert "64x32 yuv420p 25p" in table
        (flow,) = json.loads(said(capsys, "list", "--json"))
        assert flow["payload"]["video"]["frameRate"] == "25"
        assert (flow["connection"], flow["frames"], len(flow["attachments"])) == ("default/shown", 1, 2)
        assert "default/shown" in said(capsys, "top", "--once", "--interval", "0")
        facts = json.loads(said(capsys, "top", "--once", "--interval", "0", "--json"))
        ends = {end["role"]: end for end in facts["attachments"]}
        assert ends["sink"]["frames"] == ends["source"]["frames"] == 1
        assert ends["sink"]["p99"] > 0


def test_top_names_the_sink_that_holds_a_source_back(hub: HubUnderTest, capsys: pytest.CaptureFixture[str]) -> None:
    hub.apply(connection("held", policies=("dropOldest", "block")))
    with (
        mediamesh.open_sink("held", endpoint="sink1", timeout=30) as sink,
        mediamesh.open_source("held", timeout=30) as source,
    ):
        for _ in range(QUEUE + 1):
            source.send(b"1", timeout=30)
        wait_until(lambda: hub.observe().flows[0].held_back_by)
        assert "default/held: source held back by sink1\n" in said(capsys, "top", "--once", "--interval", "0")
        facts = json.loads(said(capsys, "top", "--once", "--interval", "0", "--json"))
        assert facts["heldBackBy"] == {"default/held": ["sink1"]}
        sink.receive(30).release()
        wait_until(lambda: not hub.observe().flows[0].held_back_by)
        assert "held back" not in said(capsys, "top", "--once", "--interval", "0")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["receive", "bars", "film.avi.txt", "--count", "1"], "film.avi.txt: suffix '.txt' is not one of the "),
        (["receive", "bars", "film.mkv", "--codec", "h265"], "mediamesh: --codec: "),
        (["receive", "bars", "film.y4m", "--codec", "ffv1"], "--codec is for files that are encoded, such as .mkv"),
        (["receive", "absent", "/proc/film.mkv", "--wait"], "no file can be made in /proc: No such file or directory;"),
        (["receive", "absent", "/proc/film.y4m", "--wait"], "no file can be made in /proc: No such file or directory;"),
        (["receive", "sound", "a.y4m"], "y4m holds uncompressed video only"),
        (["receive", "bars", "a.wav"], "wav holds pcm_u8"),
        (["receive", "absent", "a.raw"], "no connection 'default/absent'"),
        (["receive", "absent", "a.raw", "--wait", "--timeout", "0.05"], "no attachment within 0.05 s"),
        (["send", "bars"], "name either a FILE or a --pattern"),
        (["send", "sound", "--pattern", "bars"], "pattern bars is for video connections"),
        (["send", "bars", "missing.y4m"], "missing.y4m: there is no such file"),
        (["send", "absent", "missing.mp4", "--wait"], "missing.mp4: there is no such file"),
        (["send", "bars", "words.mp4", "--fast"], "--fast is for .y4m, .wav, .raw, --as and --pattern; words.mp4"),
        (["send", "bars", "words.mp4", "--rate", "25"], "--rate is for .y4m, .wav, .raw, --as and --pattern"),
        (["send", "absent", ".", "--wait"], ".: is a folder"),
        (["send", "absent", "words.yaml", "--wait"], "words.yaml: is no media file that FFmpeg knows: Invalid"),
        (["send", "absent", "words.srt", "--wait"], "words.srt: has neither pictures nor sound"),
        (["send", "absent", "pipe.ts", "--wait"], "pipe.ts: is no regular file; only .y4m, .wav and .raw, or --as,"),
        (["receive", "absent", ".", "--wait"], ". exists already; choose another name"),
        (["receive", "absent", "nowhere/film.mkv", "--wait"], "nowhere; make it first"),
        (["snapshot", "bars", "a.png", "--timeout", "2"], "default/bars: no frame within 2 s;"),
        (["snapshot", "absent", "there.png", "--wait"], "there.png exists already; choose another name, or"),
        (["snapshot", "absent", "nowhere/a.png", "--wait"], "nowhere; make it first"),
        (["snapshot", "bars", "a.jpg"], "a.jpg: only PNG is written; call it a.png"),
        (["snapshot", "absent", "a.png"], "no connection 'default/absent' on this node (yet); check the name, or wait"),
        (["list", "--root", "/nowhere"], "no hub answers at /nowhere/hub.sock"),
        (["snapshot", "sound", "a.png"], "a snapshot needs a connection with uncompressed video"),
    ],
)
def test_errors_are_one_plain_line(
    hub: HubUnderTest, free_dir: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], complaint: str
) -> None:
    hub.apply(connection("bars", PICTURE), connection("sound", SOUND))
    monkeypatch.chdir(free_dir)
    Path("words.yaml").write_text("a: b\n")
    Path("words.mp4").touch()
    Path("words.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nwords\n\n")
    Path("there.png").touch()
    os.mkfifo("pipe.ts")
    feeder = None
    if arguments[:2] == ["snapshot", "sound"]:
        feeder = mediamesh.open_source("sound", timeout=30)
        feeder.send(bytes(feeder.capacity), timeout=30)
    ended = subprocess.run([sys.executable, "-m", "mediamesh", *arguments], capture_output=True, text=True, check=False)
    if feeder is not None:
        feeder.close()
    assert ended.returncode == 1
    assert ended.stderr.startswith("mediamesh: ")
    assert ended.stderr.count("\n") == 1
    assert complaint in ended.stderr


def test_ctrl_c_during_the_imports_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def slow() -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("mediamesh.cli.loaders", lambda: {"up": slow})
    assert main(["up"]) == 130
    assert capsys.readouterr() == ("", "")


def test_wrong_usage_is_2() -> None:
    for arguments in ([], ["nonsense"], ["send"], ["list", "--nonsense"]):
        with pytest.raises(SystemExit) as raised:
            main(arguments)
        assert raised.value.code == 2


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("receive cam a.raw --timeout -1", "--timeout: '-1' is not a number of seconds, 0 or more"),
        ("receive cam a.raw --timeout nan", "--timeout: 'nan' is not a number of seconds"),
        ("receive cam a.raw --duration soon", "--duration: 'soon' is not a number of seconds"),
        ("receive cam a.raw --count 0", "--count: '0' is not a whole number of at least 1"),
        ("send cam --pattern bars --count -3", "--count: '-3' is not a whole number of at least 1"),
        ("send cam --pattern bars --rate 1/0", "--rate: '1/0' is not a rate above 0, such as 25 or 60000/1001"),
        ("send cam --pattern bars --rate 0", "--rate: '0' is not a rate above 0"),
        ("top --interval inf", "--interval: 'inf' is not a number of seconds"),
        ("up -f cam.yaml --port 99999", "--port: '99999' is not a port, 0 to 65535"),
    ],
)
def test_wrong_numbers_are_told_with_their_option(
    capsys: pytest.CaptureFixture[str], arguments: str, complaint: str
) -> None:
    with pytest.raises(SystemExit) as raised:
        main(arguments.split())
    assert raised.value.code == 2
    assert f"error: argument {complaint}" in capsys.readouterr().err


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["--version"])
    assert raised.value.code == 0
    assert capsys.readouterr().out == f"mediamesh {version('mediamesh')}\n"


@pytest.mark.parametrize("name", ["", "list", "top", "send", "receive", "snapshot", "validate", "up", "sidecar"])
def test_every_command_has_help(capsys: pytest.CaptureFixture[str], name: str) -> None:
    with pytest.raises(SystemExit) as raised:
        main([name, "--help"] if name else ["--help"])
    assert raised.value.code == 0
    assert ("examples:" if name else "COMMAND") in capsys.readouterr().out


def test_validate(free_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = free_dir / "good.yaml", free_dir / "bad.yaml"
    good.write_text(
        "apiVersion: mediamesh.io/v1alpha1\n"
        "kind: MediaConnection\n"
        "metadata: {name: cam1}\n"
        "spec:\n"
        "  payload: {blob: {maxSize: 10}}\n"
        "  source: {name: camera, pod: {matchLabels: {app: camera}}}\n"
        "  sinks: [{name: screen, pod: {matchLabels: {app: screen}}}]\n"
    )
    bad.write_text(good.read_text().replace("maxSize: 10", "maxSize: ten").replace("source:", "sauce:"))
    assert said(capsys, "validate", str(good)) == f"{good}: default/cam1\n"
    complaint = said(capsys, "validate", str(good), str(bad), status=1)
    assert "spec.sauce" in complaint
    assert all(line.startswith(f"mediamesh: {bad}") for line in complaint.splitlines())
    assert main(["validate", "--json", str(good), str(bad)]) == 1
    first, second = json.loads(capsys.readouterr().out)
    assert (first["connections"], first["problems"]) == (["default/cam1"], [])
    assert len(second["problems"]) == len(complaint.splitlines())


FILMED = """
apiVersion: mediamesh.io/v1alpha1
kind: MediaConnection
metadata: {name: cam1}
spec:
  payload: {blob: {maxSize: 10}}
  source: {name: camera, pod: {}}
  sinks: [{name: archive, file: {path: film.raw}}]
"""


class Objecting:
    """A bridge that knows no blobs."""

    def validate(self, config: dict[str, Any], role: str, format: object) -> None:
        raise WrongLength(f"a {role} {config['path']} cannot hold {type(format).__name__}")


def test_validate_asks_the_bridges_that_are_installed(
    free_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = free_dir / "film.yaml"
    file.write_text(FILMED)
    monkeypatch.setattr(bridge, "names", lambda: ["file"])
    monkeypatch.setattr(bridge, "find", lambda _: Objecting())
    complaint = said(capsys, "validate", str(file), status=1)
    assert complaint == f"mediamesh: {file}: default/cam1 archive: a sink film.raw cannot hold BlobFormat\n"
    monkeypatch.setattr(bridge, "names", list)
    assert said(capsys, "validate", str(file)) == f"{file}: default/cam1\n"


def test_validate_finds_connections_that_cannot_be_together(free_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = free_dir / "twice.yaml"
    file.write_text(FILMED + "---" + FILMED)
    complaint = said(capsys, "validate", str(file), status=1)
    assert complaint.startswith(f"mediamesh: {file}: ")
    assert "default/cam1" in complaint


def test_validate_looks_at_all_files_together(free_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = free_dir / "first.yaml", free_dir / "second.yaml"
    first.write_text(FILMED)
    second.write_text(FILMED)
    complaint = said(capsys, "validate", str(first), str(second), status=1)
    assert complaint == f"mediamesh: {second}: default/cam1 is defined twice; remove one\n"
    assert said(capsys, "validate", str(second)) == f"{second}: default/cam1\n"
