"""The commands on a terminal: what they draw, and the keys they hear."""

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.waiting import PATIENCE, wait_until
from sdk_plans import connection

import mediamesh

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
ALTERNATE, BACK = "\x1b[?1049h", "\x1b[?1049l"


class OnTerminal:
    """The program on a terminal of its own."""

    def __init__(self, terminal: int, controller: int, *arguments: str) -> None:
        command = [sys.executable, "-m", "mediamesh", *arguments]
        self.said = ""
        self._controller = controller
        self._decode = codecs.getincrementaldecoder("utf-8")().decode  # a character may come in two pieces
        self.process = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal)

    def hear(self) -> bool:
        """Take what is there."""
        if not select.select([self._controller], [], [], 0)[0]:
            return False
        self.said += self._decode(os.read(self._controller, 65536))
        return True

    def await_text(self, text: str) -> None:
        wait_until(lambda: self.hear() and text in self.said, text)

    def press(self, keys: bytes) -> None:
        os.write(self._controller, keys)

    def end(self) -> int:
        wait_until(lambda: not self.hear() and self.process.poll() is not None, "the end")
        while self.hear():
            pass
        return self.process.wait(PATIENCE)


@contextmanager
def on_terminal(columns: int, lines: int, *arguments: str) -> Iterator[OnTerminal]:
    """Run the program; the terminal has to be as it was when it has ended."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    before = termios.tcgetattr(terminal)
    program = OnTerminal(terminal, controller, *arguments)
    try:
        yield program
        assert termios.tcgetattr(terminal) == before
    finally:
        program.process.kill()
        program.process.wait(PATIENCE)
        os.close(controller)
        os.close(terminal)


@pytest.mark.parametrize("keys", [b"q", b"Q", b"xyq", b"\x1b[Aq"])
def test_top_draws_until_q(hub: HubUnderTest, keys: bytes) -> None:
    hub.apply(connection("a-connection-of-a-name-that-is-longer-than-the-screen-is-wide"), connection("short"))
    with on_terminal(60, 6, "top", "--interval", "0.1") as program, mediamesh.open_source("short", timeout=30):
        program.await_text("engine")
        program.await_text("camera")
        program.press(keys)
        assert program.end() == 0
    assert program.said.startswith(ALTERNATE)
    assert BACK in program.said
    for screen in program.said.split("\x1b[H\x1b[J")[1:]:
        drawn = ESCAPES.sub("", screen).splitlines()
        assert len(drawn) <= 6
        assert all(len(line) <= 60 for line in drawn)


def test_top_gives_the_terminal_back_when_the_hub_dies(own_hub: HubUnderTest) -> None:
    with on_terminal(80, 24, "top", "--interval", "0.1") as program:
        program.await_text("engine")
        own_hub.kill()
        assert program.end() == 1
    before, _, after = program.said.rpartition(BACK)
    assert "mediamesh: " in after
    assert "Traceback" not in before + after
    own_hub.restart()


def test_receive_draws_a_bar_that_never_wraps(hub: HubUnderTest, free_dir: Path) -> None:
    hub.apply(connection("cam"))
    with on_terminal(50, 24, "receive", "cam", str(free_dir / "all.raw"), "--count", "30") as program:
        program.await_text("cam: 0 frames")
        with mediamesh.open_source("cam", timeout=30, wait_for_sinks=1) as source:
            for number in range(30):
                source.send(b"%04d" % number, timeout=30)
            assert program.end() == 0
    lines = [ESCAPES.sub("", line).strip() for line in program.said.split("\r")]
    drawn = [line for line in lines if not line.startswith("mediamesh: waiting")]  # that is said of a slow source
    assert all(len(line) < 50 for line in drawn)
    assert any(line.startswith("cam: 30 frames, 0.0 MB, ") for line in drawn)
    assert (free_dir / "all.raw").read_bytes() == b"".join(b"%04d" % number for number in range(30))


def test_send_draws_a_bar_as_long_as_its_file(hub: HubUnderTest, free_dir: Path) -> None:
    hub.apply(connection("cam"))
    (free_dir / "all.raw").write_bytes(bytes(2500))
    with on_terminal(80, 24, "send", "cam", str(free_dir / "all.raw"), "--fast") as program:
        assert program.end() == 0
    assert re.search(r"cam: 3 frames, 0\.0 MB, .*/s \[#{24}\] 3\r?\n", program.said)


def test_who_waits_is_told_what_for(own_hub: HubUnderTest, free_dir: Path) -> None:
    own_hub.apply(connection("cam"))
    with on_terminal(80, 24, "receive", "cam", str(free_dir / "all.raw")) as program:
        program.await_text("mediamesh: waiting for a frame of default/cam: the first one has not come yet")
        own_hub.kill()
        program.await_text("mediamesh: waiting to attach to default/cam: no hub answers at")
        own_hub.restart()
        program.process.send_signal(signal.SIGINT)
        assert program.end() == 0
    assert "\x1b[Kmediamesh: waiting" in program.said


def test_receive_ends_in_order_with_ctrl_c(hub: HubUnderTest, free_dir: Path) -> None:
    hub.apply(connection("cam"))
    with (
        on_terminal(80, 24, "receive", "cam", str(free_dir / "all.raw")) as program,
        mediamesh.open_source("cam", timeout=30, wait_for_sinks=1) as source,
    ):
        source.send(b"one", timeout=30)
        wait_until(lambda: hub.attachments("sink")[0].received == 1)
        program.process.send_signal(signal.SIGINT)
        assert program.end() == 0
    assert "cam: 1 frames" in program.said
    assert "Traceback" not in program.said
