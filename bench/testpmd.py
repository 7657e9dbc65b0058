"""`dpdk-testpmd` with one memif port, driven by its prompt: the stock peer that everybody can install.

Without hugepages, so its memif copies on both sides. Between `start` and `stop` its forwarding core polls without a
pause.
"""

import contextlib
import os
import re
import select
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, cast

from bench import cpu

PROMPT = b"testpmd> "
PATIENCE = 20.0
INTERFACE = 7


class TestpmdFailed(Exception):
    """There is none, or it does not do what it is told."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Packets of one length, and rings and buffers that suit them."""

    length: int
    buffer: int
    ring_log2: int


SHAPES = (Shape(1500, 2048, 10), Shape(60_000, 60_416, 6))


class Testpmd:
    """One running testpmd."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self._in, self._out = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
        self._rest = b""
        self._read_until(PROMPT)

    def start(self) -> None:
        """Begin to forward."""
        self._ask("start")

    def stop(self) -> None:
        """Cease."""
        self._ask("stop")

    def await_link(self) -> None:
        """Wait for the other side."""
        until = time.monotonic() + PATIENCE
        while "Link status: up" not in self._ask("show port info 0"):
            if time.monotonic() > until:
                raise TestpmdFailed("the link does not come up")
            time.sleep(0.05)

    def packets(self) -> int:
        """Return how many packets were received."""
        found = re.search(r"RX-packets:\s*(\d+)", self._ask("show port stats 0"))
        if found is None:
            raise TestpmdFailed("no statistics")
        return int(found[1])

    def cpu(self) -> float:
        """CPU seconds of all its threads."""
        return cpu.spent(self._process.pid)

    def _ask(self, command: str) -> str:
        self._in.write(command.encode() + b"\n")
        self._in.flush()
        return self._read_until(PROMPT).decode(errors="replace")

    def _read_until(self, end: bytes) -> bytes:
        until = time.monotonic() + PATIENCE
        while end not in self._rest:
            readable, _, _ = select.select([self._out], [], [], max(0.0, until - time.monotonic()))
            data = os.read(self._out.fileno(), 65536) if readable else b""
            if not data:
                raise TestpmdFailed("testpmd says nothing more:\n" + self._rest.decode(errors="replace"))
            self._rest += data
        answer, _, self._rest = self._rest.partition(end)
        return answer


@contextlib.contextmanager
def testpmd(folder: Path, role: Literal["server", "client"], socket: Path, shape: Shape) -> Iterator[Testpmd]:
    """Run one: a server receives (on the first CPU), a client sends (on the last)."""
    if shutil.which("dpdk-testpmd") is None:
        raise TestpmdFailed("not installed: apt-get install dpdk-dev librte-net-memif23")
    environment = os.environ | {"RUNTIME_DIRECTORY": str(folder)}
    process = subprocess.Popen(
        _command(role, socket, shape),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
    )
    try:
        yield Testpmd(process)
    finally:
        process.kill()
        process.communicate()


def _command(role: str, socket: Path, shape: Shape) -> list[str]:
    place = min(os.sched_getaffinity(0)) if role == "server" else max(os.sched_getaffinity(0))
    device = f"net_memif0,role={role},id={INTERFACE},bsize={shape.buffer},rsize={shape.ring_log2}"
    mode = "rxonly" if role == "server" else "txonly"
    alone = ["--no-huge", "-m", "256", "--no-pci", "--no-shconf", "--no-telemetry", f"--file-prefix={uuid.uuid4()}"]
    return [
        *("stdbuf", "-o0", "dpdk-testpmd", "--lcores", f"0@{place},1@{place}", *alone),
        f"--vdev={device},socket={socket},socket-abstract=no",
        *("--", "-i", f"--forward-mode={mode}", "--nb-cores=1", "--rxd=512", "--txd=512", "--disable-link-check"),
        # --txpkts looks at the size of the mbufs, so it stands behind it
        *(f"--mbuf-size={shape.buffer + 128}", "--total-num-mbufs=2048", f"--txpkts={shape.length}"),
    ]
