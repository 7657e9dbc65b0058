"""The operator as a process that is looked at from outside."""

import contextlib
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mediamesh_e2e.patience import until

BUNDLE: Final = "mediamesh-ca-bundle"
WRITES: Final = "mediamesh_operator_reconcile_total"
REPORTS: Final = "mediamesh_operator_reports_total"
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class OperatorProcess:
    """One replica."""

    process: "subprocess.Popen[bytes]"
    agents: int
    http: int
    log: Path

    def metric(self, name: str) -> float:
        """Return the sum of a metric's samples."""
        lines = self._get("/metrics").splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))

    def agents_connected(self) -> int:
        """Return how many agents it serves."""
        return int(self.metric("mediamesh_operator_agents_connected"))

    def ready(self) -> bool:
        """Whether it says that it is."""
        with contextlib.suppress(OSError):
            return self._get("/readyz") == "ok\n"
        return False

    def cpu_seconds(self) -> float:
        """Return the CPU time it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def rss_mib(self) -> float:
        """Return its resident memory."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def _get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=10) as answer:
            text: str = answer.read().decode()
        return text


@contextlib.contextmanager
def replica(
    namespace: str, identity: str, log: Path, *, agents: int = 0, environment: Mapping[str, str] = os.environ
) -> Iterator[OperatorProcess]:
    """Run a replica with the KUBECONFIG of an environment; ends it in order."""
    agents, http = agents or free_port(), free_port()
    options = {
        "namespace": namespace,
        "identity": identity,
        "service": "127.0.0.1",
        "agents": f"127.0.0.1:{agents}",
        "http": f"127.0.0.1:{http}",
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "mediamesh_operator.main", *flags]
    with log.open("ab") as file, subprocess.Popen(command, stderr=file, env=environment) as process:
        try:
            yield OperatorProcess(process, agents, http, log)
        finally:
            process.terminate()
            until(lambda: process.poll() is not None, "the operator to end", seconds=20)


def free_port() -> int:
    """Return a port that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
