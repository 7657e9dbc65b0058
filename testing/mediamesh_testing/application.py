"""Applications that the tests kill, stop and rob: `python application.py '{"role": ...}'`.

A source stamps every frame with its own pid, a count and a checksum over all that it wrote. A sink looks at every
byte of every frame, and at what the sequence and the count say about frames that it did not get. Both say
`attached` in a line of JSON, and on SIGTERM say in another one what they did or saw. A hoarder takes as many frames
as it may have, says `full` and sits on them for ever. A restless one attaches and leaves again and again, at a
steady rate, every other time after one frame.
"""

import contextlib
import json
import os
import random
import signal
import struct
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import mediamesh
from mediamesh.stopping import Stopping

STAMP = struct.Struct("<QQI")
"""Pid of the source, count, checksum over both and over the bytes that follow."""
HEAD = struct.Struct("<QQ")
ENOUGH = 32
"""Examples of each kind that a report names."""


@dataclass(slots=True)
class Seen:
    """What a sink reports: `lost` by the sources' counts, `gaps` by the sequence.

    `flagged` leaves out the first frame, and `times` are those of the first and of the last one.
    """

    received: int = 0
    altered: int = 0
    lost: int = 0
    first: int = -1
    last: int = -1
    times: list[int] = field(default_factory=list)
    gaps: list[list[int]] = field(default_factory=list)
    flagged: list[int] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


class Checker:
    """Looks at one frame after the other."""

    def __init__(self) -> None:
        self.seen = Seen()
        self._count = -1

    def look(self, frame: mediamesh.ReceivedFrame) -> None:
        seen = self.seen
        if seen.received == 0:
            seen.first = frame.sequence
        else:
            self._compare(frame)
        seen.received += 1
        seen.last = frame.sequence
        seen.times = [*seen.times[:1], frame.time]
        with memoryview(frame) as view:
            self._look_at_stamp(view)

    def _compare(self, frame: mediamesh.ReceivedFrame) -> None:
        seen = self.seen
        if frame.sequence != seen.last + 1:
            seen.gaps = [*seen.gaps, [seen.last, frame.sequence]][-ENOUGH:]
        if frame.flags & mediamesh.Flags.DISCONTINUITY:
            seen.flagged = [*seen.flagged, frame.sequence][-ENOUGH:]

    def _look_at_stamp(self, view: memoryview) -> None:
        source, count, checksum = STAMP.unpack_from(view)
        if zlib.crc32(HEAD.pack(source, count), zlib.crc32(view[STAMP.size :])) != checksum:
            self.seen.altered += 1
            return
        if not self.seen.sources or self.seen.sources[-1] != source:
            self.seen.lost += count if self.seen.sources else 0
            self.seen.sources.append(source)
        else:
            self.seen.lost += count - self._count - 1
        self._count = count
        self.seen.counts[str(source)] = count


class Writer:
    """Writes stamped frames. The bodies are made once, so that filling a frame is one copy."""

    def __init__(self, size: int) -> None:
        noise = random.Random(size).randbytes
        self._bodies = [noise(max(size - STAMP.size, 0)) for _ in range(4)]
        self._sums = [zlib.crc32(body) for body in self._bodies]
        self.sent = 0

    def fill(self, frame: mediamesh.SourceFrame) -> None:
        number = self.sent % len(self._bodies)
        body, head = self._bodies[number], HEAD.pack(os.getpid(), self.sent)
        with memoryview(frame) as view:
            STAMP.pack_into(view, 0, os.getpid(), self.sent, zlib.crc32(head, self._sums[number]))
            view[STAMP.size : STAMP.size + len(body)] = body
        frame.length = STAMP.size + len(body)


def feed(wish: dict[str, Any]) -> dict[str, Any]:
    """Send frames at a steady pace until told to end."""
    writer, detached = Writer(wish["size"]), 0
    with mediamesh.open_source(wish["connection"], wait=True, wait_for_sinks=wish["wait_for_sinks"]) as flow:
        attached(flow.interrupt)
        due = time.monotonic()
        while not ENDING.wait(max(due - time.monotonic(), 0.0)):
            due = max(due + wish["pace"], time.monotonic() - wish["pace"])
            try:
                with flow.acquire() as frame:
                    writer.fill(frame)
                    frame.send()
            except mediamesh.Detached:
                detached += 1
            except mediamesh.Interrupted:
                break
            else:
                writer.sent += 1
    return {"sent": writer.sent, "detached": detached, "pid": os.getpid()}


def take(wish: dict[str, Any]) -> dict[str, Any]:
    """Check frames until told to end."""
    checker = Checker()
    with mediamesh.open_sink(wish["connection"], endpoint=wish["endpoint"], wait=True) as flow:
        attached(flow.interrupt)
        with contextlib.suppress(mediamesh.Interrupted):
            while True:
                with flow.receive() as frame:
                    checker.look(frame)
    return asdict(checker.seen)


def hoard(wish: dict[str, Any]) -> dict[str, Any]:
    """Take all that may be had, and keep it."""
    with mediamesh.open_sink(wish["connection"], endpoint=wish["endpoint"], wait=True) as flow:
        attached(flow.interrupt)
        held = [flow.receive() for _ in range(wish["frames"])]
        say({"said": "full"})
        ENDING.wait()
        for frame in held:
            frame.release()
    return {"held": len(held)}


def come_and_go(wish: dict[str, Any]) -> dict[str, Any]:
    """Attach and leave `rounds` times, `rate` times a second if it can be done; say how long that took."""
    attached(lambda: None)
    began = time.monotonic()
    for number in range(wish["rounds"]):
        time.sleep(max(began + number / wish["rate"] - time.monotonic(), 0.0))
        with mediamesh.open_sink(wish["connection"], endpoint=wish["endpoint"], start="newest") as flow:
            if number % 2:
                flow.receive().release()
    return {"rounds": wish["rounds"], "seconds": time.monotonic() - began}


def wait_in_vain(wish: dict[str, Any]) -> dict[str, Any]:
    """Wait `rounds` times for a frame that does not come; say which was the shortest wait, in seconds."""
    shortest = wish["pace"] * 2
    with mediamesh.open_sink(wish["connection"], endpoint=wish["endpoint"]) as flow:
        attached(flow.interrupt)
        for _ in range(wish["rounds"]):
            began = time.monotonic()
            with contextlib.suppress(mediamesh.Timeout):
                flow.receive(timeout=wish["pace"]).release()
            shortest = min(shortest, time.monotonic() - began)
    return {"shortest": shortest}


ENDING = Stopping()  # no lock: the handler of a signal sets it
ROLES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "source": feed,
    "sink": take,
    "hoarder": hoard,
    "restless": come_and_go,
    "waiter": wait_in_vain,
}


def attached(interrupt: Callable[[], None]) -> None:
    def end(*_: object) -> None:
        ENDING.set()
        interrupt()

    signal.signal(signal.SIGTERM, end)
    say({"said": "attached"})


def say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asked: dict[str, Any] = {"connection": "cam", "endpoint": "", "pace": 0.001, "size": 200, "wait_for_sinks": 0}
    asked |= json.loads(sys.argv[1])
    say(ROLES[asked["role"]](asked))
