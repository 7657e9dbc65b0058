"""Applications in processes of their own, and what they report at their end; see `application`."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mediamesh_testing.waiting import PATIENCE

CLIENT = Path(__file__).with_name("application.py")


class Actor:
    """A process of an application; see `application`."""

    def __init__(self, role: str, **wish: Any) -> None:
        self.role = role
        command = [sys.executable, str(CLIENT), json.dumps({"role": role, **wish})]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def says(self) -> dict[str, Any]:
        """Return its next line."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the {self.role} ended"
        said: dict[str, Any] = json.loads(line)
        return said

    def expect(self, word: str) -> None:
        assert self.says() == {"said": word}

    def end(self) -> dict[str, Any]:
        """Tell it to end and return its report."""
        self.signal(signal.SIGTERM)
        output, _ = self.process.communicate(timeout=PATIENCE)
        report: dict[str, Any] = json.loads(output.splitlines()[-1])
        return report

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Let it stand still for the length of a block."""
        self.signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)
        try:
            yield
        finally:
            self.signal(signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=PATIENCE)


@contextmanager
def acting(*wishes: dict[str, Any]) -> Iterator[list[Actor]]:
    """Run one actor for each wish; all are attached when the block begins, whoever is left at its end is killed."""
    actors: list[Actor] = []
    try:
        actors.extend(Actor(**wish) for wish in wishes)
        for actor in actors:
            actor.expect("attached")
        yield actors
    finally:
        for actor in actors:
            if actor.process.returncode is None:
                actor.kill()


def source(**more: Any) -> dict[str, Any]:
    return {"role": "source", **more}


def taker(**more: Any) -> dict[str, Any]:
    return {"role": "sink", **more}


def unharmed(report: dict[str, Any]) -> None:
    """Assert that a sink has seen every frame since its first one, as it was sent."""
    assert report["received"] > 0
    assert (report["altered"], report["lost"], report["gaps"]) == (0, 0, []), report
