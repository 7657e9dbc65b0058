"""What `mediamesh up` says in its terminal: a few lines that are drawn over, or, elsewhere, one line per change."""

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import TextIO

from mediamesh_agent.agent import Agent
from mediamesh_agent.picture import FlowPicture, Part, Picture
from mediamesh_core.formats import from_json, label

_MARKS = {"Flowing": "●", "HeldBack": "◐", "Backoff": "✕", "Failed": "✕", "Stopped": "✕"}


def rows(picture: Picture, absent: str = "not running") -> Iterator[str]:
    """Yield the status, one part a line; `absent` says what a hub is that does not answer."""
    if picture.hub is None:
        yield f"hub        {absent}"
    else:
        hub = picture.hub
        yield f"hub        pid {hub.pid}, {hub.cpu:.1%} of a core, pools {hub.memory_bytes / 2**20:.0f} MiB"
    number = count(1)
    for flow in picture.flows:
        yield f"{flow.connection}  {flow.state}  {label(from_json(flow.payload))}{_because(flow)}"
        yield from (f"{next(number):3}{_row(part)}" for part in flow.parts)


def _because(what: FlowPicture | Part) -> str:
    return f"  ({' '.join(what.detail.split())})" if what.detail else ""  # one line, whatever a bridge says


def _trouble(part: Part) -> str:
    return (
        _because(part) if part.state in {"Starting", "Backoff", "Failed", "HeldBack"} else ""
    )  # else the error is an old one


def _row(part: Part) -> str:
    head = f" {_MARKS.get(part.state, '○')} {part.role:6} {part.endpoint:12} {part.state:9} {part.rate:8.1f}/s"
    if part.role == "source":
        return f"{head} {part.megabits:9.1f} Mbit/s{_trouble(part)}"
    late = f"  p50 {duration(part.latency.p50)}, p99 {duration(part.latency.p99)}" if part.latency else ""
    return f"{head} {part.megabits:9.1f} Mbit/s {part.dropped:6} dropped{_trouble(part) or late}"


def duration(nanoseconds: int) -> str:
    """Return a latency as people read it."""
    return f"{nanoseconds / 1e3:.0f} µs" if nanoseconds < 1_000_000 else f"{nanoseconds / 1e6:.1f} ms"


@dataclass(slots=True)
class Console:
    """Writes to one stream; `live` when lines can be drawn over."""

    stream: TextIO
    live: bool
    gone: bool = False
    """Nobody reads any more: the terminal was closed."""
    _absent: str = "starting"
    _drawn: int = 0
    _said: dict[str, str] = field(default_factory=dict)

    def say(self, line: str) -> None:
        """Write a line that stays."""
        self._wipe()
        self._write(f"{line}\n")

    def show(self, picture: Picture, problems: dict[str, str]) -> None:
        """Bring the status up to date, and say which problems are new or gone."""
        self._absent = "not running" if picture.hub else self._absent  # from when there was one
        self._say_changes({f"problem with {subject}": text for subject, text in problems.items()}, gone="is over")
        if self.live:
            self._wipe()
            width = shutil.get_terminal_size().columns - 1  # a line that wraps could not be drawn over
            lines = [row[:width] for row in rows(picture, self._absent)]
            self._write("\n".join(lines) + "\n")
            self._drawn = len(lines)
            return
        hub = {"hub": f"pid {picture.hub.pid}" if picture.hub else self._absent}
        parts = (part for flow in picture.flows for part in flow.parts)
        states = {f"{part.connection} {part.endpoint}": f"{part.state}{_trouble(part)}" for part in parts}
        self._say_changes(hub | states, gone="is gone", keep="problem with ")

    def _say_changes(self, now: dict[str, str], *, gone: str, keep: str = "") -> None:
        mine = {subject for subject in self._said if subject.startswith("problem with ") != bool(keep)}
        for subject in sorted(mine - now.keys()):
            self.say(f"{subject}: {gone}")
            del self._said[subject]
        for subject, text in now.items():
            if self._said.get(subject) != text:
                self.say(f"{subject}: {text}")
                self._said[subject] = text

    def _wipe(self) -> None:
        if self._drawn:
            self._write(f"\x1b[{self._drawn}F\x1b[J")
            self._drawn = 0

    def _write(self, text: str) -> None:
        try:
            self.stream.write(text)
            self.stream.flush()
        except OSError:
            self.gone = True


async def follow(agent: Agent, console: Console, stop: asyncio.Event) -> None:
    """Show what the agent knows until told to stop, or until the terminal is gone."""
    stopping = asyncio.create_task(stop.wait())
    while not stop.is_set() and not console.gone:
        news = asyncio.create_task(agent.news())
        await asyncio.wait([news, stopping], return_when=asyncio.FIRST_COMPLETED)
        news.cancel()
        console.show(agent.picture(), agent.facts.problems)
    stopping.cancel()
    await asyncio.wait([stopping])
