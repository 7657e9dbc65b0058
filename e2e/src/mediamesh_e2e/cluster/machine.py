"""A machine of the cluster: a set of namespaces with a PID 1, and programs that run inside.

PID 1 dies when this process dies (`setpriv --pdeathsig`, which `unshare --kill-child` hands on), and with it, by the
kernel, everything in its PID namespace. The kernel means the death of the *thread* that started it, so machines are
booted by a thread that stays: the main one. What is started later in a machine may be started by any.
"""

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from mediamesh_e2e.cluster.cgroups import NodeCgroups
from mediamesh_e2e.cluster.layout import Place
from mediamesh_e2e.errors import StartFailed
from mediamesh_e2e.patience import FIRST_PAUSE, until
from mediamesh_e2e.programs import run

INIT = Path(__file__).with_name("machine_init.sh")
# Programs get an environment of their own: nothing of whoever starts the cluster shows inside.
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}
CONTROL_NAMESPACES = ("--mount", "--pid")
NODE_NAMESPACES = ("--mount", "--pid", "--uts", "--ipc", "--cgroup")
ENTER_CGROUPS = 'while [ "$1" != -- ]; do echo 0 >"$1"; shift; done; shift; exec "$@"'


class Machine:
    """One machine; `home` is the folder for its files, log files go to `logs`."""

    def __init__(self, place: Place, home: Path, logs: Path) -> None:
        self.place = place
        self.home = home
        self.logs = logs
        self._cgroups = NodeCgroups(place.cgroup) if place.pods else None
        self._namespaces = NODE_NAMESPACES if place.pods else CONTROL_NAMESPACES
        self._boot: subprocess.Popen[bytes] | None = None
        self._first = 0  # the PID of its PID 1 as this computer counts
        self._started: list[Program] = []

    def boot(self) -> None:
        """Start PID 1 and wait until it has made the machine's view of the files."""
        self.home.mkdir(parents=True, exist_ok=True)
        if self._cgroups:
            self._cgroups.make()
        reading, writing = os.pipe()
        with open(reading, "rb") as said:  # noqa: PTH123  (a descriptor)
            with open(writing, "wb") as ready:  # noqa: PTH123
                self._boot = self._start_first(ready.fileno())
            if said.readline() != b"ready\n":
                raise StartFailed(f"{self.place.name}: its PID 1 ended; see {self._log('init')}")
        self._first = _only_child(self._boot.pid)
        if self._cgroups:
            self._cgroups.settle()

    def _start_first(self, ready: int) -> "subprocess.Popen[bytes]":
        kind = "node" if self._cgroups else "control"
        unshare = ["unshare", *self._namespaces, "--fork", "--kill-child", "--propagation", "private"]
        init: list[str | Path] = ["bash", INIT, self.place.name, self.home, kind, str(ready)]
        enter = ["setpriv", "--pdeathsig", "KILL", "nsenter", f"--net=/run/netns/{self.place.namespace}"]
        cgroups = self.home / "cgroups"
        cgroups.write_text(_mounts(self._cgroups))
        with self._log("init").open("ab") as log, cgroups.open() as mounts:
            return subprocess.Popen(
                _in_cgroups(self._cgroups.roots() if self._cgroups else [], [*enter, *unshare, *init]),
                stdin=mounts,
                stdout=log,
                stderr=log,
                env=ENVIRONMENT,
                pass_fds=[ready],
                start_new_session=True,
            )

    def power_off(self) -> None:
        """End everything on the machine at once, as a power cut does."""
        if not self._boot:
            return
        if self._first:
            _kill(self._first)
        self._boot.kill()
        self._boot.wait()
        self._boot, self._first = None, 0
        for program in self._started:
            program.await_end()
        self._started.clear()
        if self._cgroups:
            # kubelet would spend seconds on each dead container that has a cgroup
            self._cgroups.remove()

    def start(self, name: str, command: Sequence[str | Path]) -> "Program":
        """Start a program on the machine; it logs to `name`.log and runs until it ends or the machine does."""
        with self._log(name).open("ab") as log:
            begins = log.tell()
            entered = subprocess.Popen(
                self._inside(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=ENVIRONMENT,
                start_new_session=True,
            )
        self._started.append(Program(entered, self._log(name), begins))
        return self._started[-1]

    def run(self, *command: str | Path, given: str | None = None, timeout: float = 60) -> str:
        """Run a program on the machine to its end and give its output; raises `ProgramFailed`."""
        return run(self._inside(command), given=given, environment=ENVIRONMENT, timeout=timeout)

    def _inside(self, command: Sequence[str | Path]) -> list[str | Path]:
        if not self._first:
            raise StartFailed(f"{self.place.name}: is switched off")
        enter = ["nsenter", "--target", str(self._first), "--net", *self._namespaces, "--"]
        return _in_cgroups(self._cgroups.doors() if self._cgroups else [], [*enter, *command])

    def _log(self, name: str) -> Path:
        return self.logs / f"{self.place.name}-{name}.log"


class Program:
    """A program that runs on a machine. What is held is the process that entered the machine and waits for it."""

    def __init__(self, entered: "subprocess.Popen[bytes]", log: Path, begins: int) -> None:
        self._entered = entered
        self._begins = begins
        self.log = log

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._entered.poll() is None

    @property
    def pid(self) -> int:
        """Its process number as this computer counts."""
        return _only_child(self._entered.pid)

    def said(self) -> str:
        """Give what it has logged; without what its predecessors did."""
        with self.log.open("rb") as file:
            file.seek(self._begins)
            return file.read().decode(errors="replace")

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)
        if number == signal.SIGCONT:
            self._entered.send_signal(number)

    def await_end(self) -> None:
        """Wait until it has ended, as everything has on a machine without power."""
        while self.runs:
            self._let_it_see_the_end()

    def kill(self) -> None:
        """End it with SIGKILL, and wait until it has ended; one that has ended already is left alone."""
        while self.runs:
            for child in _children(self._entered.pid):
                _kill(child)
            self._let_it_see_the_end()

    def _let_it_see_the_end(self) -> None:
        self._entered.send_signal(signal.SIGCONT)  # nsenter stops itself when what it waits for is stopped
        with suppress(subprocess.TimeoutExpired):
            self._entered.wait(FIRST_PAUSE)


def _in_cgroups(doors: Sequence[Path], command: Sequence[str | Path]) -> list[str | Path]:
    return ["bash", "-c", ENTER_CGROUPS, "enter", *doors, "--", *command]


def _only_child(parent: int) -> int:
    return until(lambda: _children(parent), f"child of process {parent}", seconds=10)[0]


def _children(parent: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def _kill(process: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def _mounts(cgroups: NodeCgroups | None) -> str:
    """Spell the mounts of a node's cgroup hierarchies for its PID 1."""
    hierarchies = cgroups.hierarchies if cgroups else ()
    return "".join(f"{each.type} {each.options or 'rw'} {each.below}\n" for each in hierarchies)
