"""A real DPDK as the other side: one `dpdk-testpmd` without hugepages, driven by its prompt."""

import os
import select
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

PROMPT = "testpmd> "
PATIENCE = 30.0
INTERFACE = 7


def counted(statistics: str, name: str) -> int:
    """Return a number out of the answer to `show port stats`."""
    return int(statistics.split(f"{name}:", 1)[1].split(maxsplit=1)[0])


class DpdkPeer:
    """One running testpmd; what it prints is kept, in order.

    Its log comes from another thread than its prompt, so each has a pipe: one would cut the other's words apart.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.printed = ""  # everything
        self._answers = ""  # without the log

    def read_until(self, text: str, since: int = 0) -> str:
        """Return what was printed since, up to and with `text`."""
        until = time.monotonic() + PATIENCE
        while (end := self.printed.find(text, since)) < 0:
            self._read(until, text)
        return self.printed[since : end + len(text)]

    def ask(self, command: str) -> str:
        """Return the answer to a command."""
        assert self._process.stdin is not None
        since = len(self._answers)
        self._process.stdin.write(f"{command}\n".encode())
        self._process.stdin.flush()
        return self.answer(since)

    def answer(self, since: int = 0) -> str:
        """Return what it says before it asks for the next command."""
        until = time.monotonic() + PATIENCE
        while (end := self._answers.find(PROMPT, since)) < 0:
            self._read(until, PROMPT)
        return self._answers[since:end]

    def ask_until(self, command: str, is_enough: Callable[[str], bool]) -> str:
        """Ask again and again until the answer is the one that is waited for."""
        until = time.monotonic() + PATIENCE
        while not is_enough(answer := self.ask(command)):
            assert time.monotonic() < until, answer
        return answer

    def _read(self, until: float, text: str) -> None:
        pipes = [pipe for pipe in (self._process.stdout, self._process.stderr) if pipe is not None]
        ready, _, _ = select.select(pipes, [], [], max(0.0, until - time.monotonic()))
        assert ready, f"testpmd never printed {text!r}:\n{self.printed}"
        for pipe in ready:
            data = os.read(pipe.fileno(), 65536).decode(errors="replace")
            assert data, f"testpmd ended ({self._process.wait()}) before it printed {text!r}:\n{self.printed}"
            self.printed += data
            if pipe is self._process.stdout:
                self._answers += data


@contextmanager
def dpdk_peer(
    folder: Path,
    role: str,
    *addresses: str,
    mode: str = "rxonly",
    secret: str = "",
    room: int = 2048,
    zero_copy: int = -1,
    more: Sequence[str] = (),
) -> Iterator[DpdkPeer]:
    """Run testpmd with memif ports as `role` (server or client) at paths or abstract `@addresses`.

    `room` is what one of its buffers holds; in mode "io" it sends out of one port what comes in at the other.
    `zero_copy` is the number of the one port that shares its buffers: a second one announces a wrong descriptor.
    `more` are further options of testpmd itself.
    """
    if shutil.which("dpdk-testpmd") is None:
        pytest.fail("the tests against DPDK need it: apt-get install dpdk-dev librte-net-memif23")
    command = [
        "stdbuf",
        "-o0",
        "dpdk-testpmd",
        *_environment(single_file=zero_copy >= 0),
        *(
            _device(number, address, role, room, zero_copy == number, secret)
            for number, address in enumerate(addresses)
        ),
        "--",
        *_forwarding(mode, room),
        *more,
    ]
    pipe = subprocess.PIPE
    environment = os.environ | {"RUNTIME_DIRECTORY": str(folder)}
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment) as process:
        peer = DpdkPeer(process)
        try:
            peer.answer()
            yield peer
        finally:
            process.kill()


def _environment(*, single_file: bool) -> list[str]:
    private = ["--no-huge", "-m", "512", "--no-pci", "--no-shconf", "--no-telemetry", f"--file-prefix={uuid.uuid4()}"]
    segments = ["--single-file-segments"] if single_file else []
    cores = ",".join(map(str, sorted(os.sched_getaffinity(0))))
    return ["--lcores", f"0@({cores}),1@({cores})", *private, *segments, "--log-level=pmd.net.memif:debug"]


def _device(number: int, address: str, role: str, room: int, zero_copy: bool, secret: str) -> str:
    words = {
        "role": role,
        "id": str(INTERFACE),
        "bsize": str(room),
        "rsize": "10",
        "socket": address.removeprefix("@"),
        "socket-abstract": "yes" if address.startswith("@") else "no",
        "zero-copy": "yes" if zero_copy else "no",
    } | ({"secret": secret} if secret else {})
    return f"--vdev=net_memif{number}," + ",".join(f"{key}={value}" for key, value in words.items())


def _forwarding(mode: str, room: int) -> list[str]:
    sizes = ["--rxd=512", "--txd=512", f"--mbuf-size={room + 128}", "--total-num-mbufs=2048"]
    return ["-i", f"--forward-mode={mode}", "--nb-cores=1", *sizes, "--disable-link-check"]
