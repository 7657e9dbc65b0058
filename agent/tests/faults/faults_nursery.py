"""Hubs that begin within milliseconds: `python faults_nursery.py` forks one for every line that it reads.

A hundred hand-overs in a row would mostly be a hundred starts of Python. This process has imported
everything, has no thread, and forks: the child is a hub's process like any other from its `main` on. What it is
told is a list in JSON: the arguments of a hub to start (answered by its pid, and by the hub with `ready`), or the pid
of a hub to wait for (answered by its exit status).
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

PATIENCE = 30.0


def main() -> int:
    from mediamesh_agent.hub import main as hub

    for line in sys.stdin:
        told = json.loads(line)
        if isinstance(told, int):
            answer = os.waitstatus_to_exitcode(os.waitpid(told, 0)[1])
        elif (answer := os.fork()) == 0:
            os._exit(hub.main(told))
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()
    return 0


class Nursery:
    """Starts hubs on a root and waits for them; use as a context."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._running: list[int] = []
        with root.with_name(root.name + ".log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )

    def succeed(self) -> int:
        """Let a successor take over from the hub that runs; return its pid once it serves."""
        self._tell(["--root", str(self._root), "--take-over"])
        said = {self._line(), self._line()} - {"ready"}
        self._running.append(int(said.pop()))
        return self._running[-1]

    def await_oldest(self) -> int:
        """Return the exit status of the hub that was started first and not waited for."""
        self._tell(self._running.pop(0))
        return int(self._line())

    def _tell(self, what: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the nursery ended"
        return line.strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pid in self._running:
            os.kill(pid, signal.SIGKILL)
        self._process.communicate(timeout=PATIENCE)


if __name__ == "__main__":
    sys.exit(main())
