"""A real DPDK as the other side: one `dpdk-testpmd` without hugepages, driven by its prompt."""

import os
import select
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROMPT = "testpmd> "
PATIENCE = 30.0
INTERFACE = 7


class DpdkPeer:
    """One running testpmd; everything it prints is kept, in order."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.printed = ""

    def read_until(self, text: str, since: int = 0) -> str:
        """Return what was printed since, up to and with `text`."""
        until = time.monotonic() + PATIENCE
        while (end := self.printed.find(text, since)) < 0:
            self._read(until, text)
        return self.printed[since : end + len(text)]

    def ask(self, command: str) -> str:
        """Return the answer to a command."""
        assert self._process.stdin is not None
        since = len(self.printed)
        self._process.stdin.write(f"{command}\n".encode())
        self._process.stdin.flush()
        return self.read_until(PROMPT, since)

    def ask_until(self, command: str, is_enough: Callable[[str], bool]) -> str:
        """Ask again and again until the answer is the one that is waited for."""
        until = time.monotonic() + PATIENCE
        while not is_enough(answer := self.ask(command)):
            assert time.monotonic() < until, answer
        return answer

    def _read(self, until: float, text: str) -> None:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, until - time.monotonic()))
        data = os.read(self._process.stdout.fileno(), 65536) if ready else b""
        assert data, f"testpmd never printed {text!r}:\n{self.printed}"
        self.printed += data.decode(errors="replace")


@contextmanager
def dpdk_peer(folder: Path, role: str, address: str, *, mode: str = "rxonly", secret: str = "") -> Iterator[DpdkPeer]:
    """Run testpmd with one memif port as `role` (server or client) at a path or an abstract `@address`."""
    if shutil.which("dpdk-testpmd") is None:
        pytest.fail("the tests against DPDK need it: apt-get install dpdk-dev librte-net-memif23")
    command = [
        "stdbuf",
        "-o0",
        "dpdk-testpmd",
        *_environment(),
        *_device(role, address, secret),
        "--",
        *_forwarding(mode),
    ]
    pipe = subprocess.PIPE
    environment = os.environ | {"RUNTIME_DIRECTORY": str(folder)}
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, env=environment) as process:
        peer = DpdkPeer(process)
        try:
            peer.read_until(PROMPT)
            yield peer
        finally:
            process.kill()


def _environment() -> list[str]:
    private = ["--no-huge", "-m", "256", "--no-pci", "--no-shconf", "--no-telemetry", f"--file-prefix={uuid.uuid4()}"]
    return ["--lcores", "0@0,1@1", *private, "--log-level=pmd.net.memif:debug"]


def _device(role: str, address: str, secret: str) -> list[str]:
    abstract = "yes" if address.startswith("@") else "no"
    words = (
        f"role={role},id={INTERFACE},bsize=2048,rsize=10,socket={address.removeprefix('@')},socket-abstract={abstract}"
    )
    return [f"--vdev=net_memif0,{words}" + (f",secret={secret}" if secret else "")]


def _forwarding(mode: str) -> list[str]:
    sizes = ["--rxd=512", "--txd=512", "--mbuf-size=2176", "--total-num-mbufs=2048"]
    return ["-i", f"--forward-mode={mode}", "--nb-cores=1", *sizes, "--disable-link-check"]
