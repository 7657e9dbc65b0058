"""A sidecar and the programs beside it, each a process; ffmpeg is Debian's, which knows nothing of us."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.waiting import PATIENCE, wait_until

from mediamesh.sink import Sink
from mediamesh.source import Source

End = TypeVar("End", Source, Sink)
VIDEO = "video: {width: 64, height: 48, frameRate: 100, pixelFormat: yuv420p}"
DEEP = "video: {width: 64, height: 48, frameRate: 100, pixelFormat: yuv422p10le}"
SOUND = "audio: {sampleFormat: pcm_s24le, channels: 2, sampleRate: 48000, samplesPerFrame: 480}"
H264 = "encoded: {codec: h264, width: 64, height: 48, frameRate: 50}"
SIZE = 64 * 48 * 3 // 2
FILM = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=100")
TONE = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000")
HEADER = b"YUV4MPEG2 W64 H48 F100:1 Ip A1:1 C420jpeg\n"
CONNECTION = """
apiVersion: mediamesh.io/v1alpha1
kind: MediaConnection
metadata: {{name: {name}}}
spec:
  payload: {{{payload}}}
  source: {{name: in, pod: {{}}}}
  sinks:
  - {{name: out, pod: {{}}, delivery: {{policy: {policy}, queue: 8}}}}
---
"""


def connection(name: str, payload: str, policy: str = "dropOldest") -> str:
    return CONNECTION.format(name=name, payload=payload, policy=policy)


def ffmpeg(*arguments: str, **options: Any) -> "subprocess.Popen[bytes]":
    """Start ffmpeg. It is a prerequisite: `.ci/apt ffmpeg` installs it."""
    program = shutil.which("ffmpeg")
    assert program is not None, "ffmpeg is missing: apt-get install ffmpeg"
    command = [program, "-hide_banner", "-nostdin", "-loglevel", "error", "-y", *arguments]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, **options)


def finish(process: "subprocess.Popen[bytes]") -> bytes:
    """Wait for the end of a program that must end well; return what it wrote to standard output."""
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err.decode()
    return out


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End a program that has no end of its own."""
    process.kill()
    process.communicate(timeout=PATIENCE)


def free_port(number: int = 1) -> int:
    """Return a UDP and TCP port that nobody has, the first of `number` (even, as RTP wants it)."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1] & ~1
        if all(_free(port + more) for more in range(number)):
            return port


def _free(port: int) -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


class Sidecar:
    """The command, as a pod has it."""

    def __init__(self, mesh: Path, *lines: str, **options: Any) -> None:
        self.log_file = mesh.with_name("sidecar.log")
        self.environment = {**os.environ, "MEDIAMESH_DIR": str(mesh), "MEDIAMESH_SIDECAR": "\n".join(lines)}
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mediamesh", "sidecar", *options.pop("arguments", ())],
                stdout=subprocess.PIPE,
                stderr=log,
                env=self.environment,
                **options,
            )

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def await_word(self, word: str, count: int = 1) -> None:
        """Wait until the log says something, so many times."""
        wait_until(lambda: self.log.count(word) >= count or self.process.poll() is not None, lambda: self.log)
        assert self.log.count(word) >= count, self.log

    def ready(self) -> bool:
        """What the startup probe says."""
        command = [sys.executable, "-m", "mediamesh", "sidecar", "--ready"]
        return subprocess.run(command, env=self.environment, check=False).returncode == 0

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.end()

    def end(self) -> int:
        assert self.process.stdout is not None
        status = self.process.wait(PATIENCE)
        self.process.stdout.close()
        return status


@contextmanager
def serving(mesh: Path, *lines: str) -> Iterator[Sidecar]:
    """Run a sidecar; it must end well."""
    sidecar = Sidecar(mesh, *lines)
    try:
        sidecar.await_word("ready: ")
        yield sidecar
        assert sidecar.stop() == 0, sidecar.log
    finally:
        if sidecar.process.poll() is None:
            sidecar.process.kill()
            sidecar.end()


def attached(hub: HubUnderTest, role: str) -> bool:
    return bool(hub.attachments(role))


def opened(end: End) -> End:
    end.open(PATIENCE)
    return end


def frames(sink: Sink, number: int) -> list[bytes]:
    taken = []
    for _ in range(number):
        with sink.receive(PATIENCE) as frame, frame.buffer as payload:
            taken.append(bytes(payload))
    return taken
