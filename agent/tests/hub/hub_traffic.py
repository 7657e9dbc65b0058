"""Traffic in the background of a test, from processes of their own: `python hub_traffic.py ROLE CONNECTION [PACE]`.

A source sends numbered frames until it is told to end and then says how many. A sink checks that each sequence number
follows the one before, and says at the end what it has seen.
"""

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mediamesh

PATIENCE = 30.0


def main() -> int:
    role, connection, pace = sys.argv[1], sys.argv[2], float(sys.argv[3])
    seen = source(connection, pace) if role == "source" else sink(connection)
    sys.stdout.write(json.dumps(seen) + "\n")
    return 0


def source(connection: str, pace: float) -> dict[str, Any]:
    number = 0
    with mediamesh.open_source(connection, wait=True) as flow:
        signal.signal(signal.SIGTERM, lambda *_: flow.interrupt())
        announce()
        with contextlib.suppress(mediamesh.Interrupted):
            while True:
                with contextlib.suppress(mediamesh.Detached):
                    flow.send(b"%d" % number)
                    number += 1
                time.sleep(pace)
    return {"sent": number}


def sink(connection: str) -> dict[str, Any]:
    seen: dict[str, Any] = {"received": 0, "gaps": [], "discontinuities": 0, "altered": 0, "last": -1}
    with mediamesh.open_sink(connection, wait=True) as flow:
        signal.signal(signal.SIGTERM, lambda *_: flow.interrupt())
        announce()
        with contextlib.suppress(mediamesh.Interrupted):
            before = None
            while True:
                with flow.receive() as frame:
                    note(seen, before, frame)
                    before = frame.sequence
    return seen


def note(seen: dict[str, Any], before: int | None, frame: mediamesh.ReceivedFrame) -> None:
    if before is not None and frame.sequence != before + 1:
        seen["gaps"].append([before, frame.sequence])
    seen["received"] += 1
    seen["last"] = frame.sequence
    seen["discontinuities"] += bool(frame.flags & mediamesh.Flags.DISCONTINUITY)
    seen["altered"] += not bytes(frame).isdigit()


def announce() -> None:
    sys.stdout.write("attached\n")
    sys.stdout.flush()


class Traffic:
    """One such process."""

    def __init__(self, role: str, connection: str = "cam", pace: float = 0.0005) -> None:
        command = [sys.executable, str(Path(__file__)), role, connection, str(pace)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "attached\n"

    def end(self) -> dict[str, Any]:
        """Tell it to end and return what it has seen."""
        self.process.send_signal(signal.SIGTERM)
        output, _ = self.process.communicate(timeout=PATIENCE)
        result: dict[str, Any] = json.loads(output)
        return result

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=PATIENCE)


@contextlib.contextmanager
def traffic(*roles: str, connection: str = "cam", pace: float = 0.0005) -> Iterator[list[Traffic]]:
    running: list[Traffic] = []
    try:
        running.extend(Traffic(role, connection, pace) for role in roles)
        yield running
    finally:
        for one in running:
            if one.process.returncode is None:
                one.kill()


if __name__ == "__main__":
    sys.exit(main())
