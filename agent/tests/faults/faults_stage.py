"""What the fault tests play with: actors (processes of applications), chance with a seed, and an audit of leaks.

A moment is chosen by chance as a number of frames that still have to flow, so that the load is on when something
is struck, on slow machines too, and a failure can be repeated by its seed. The audit compares what a hub's process
holds with what it held before: descriptors by kind, mappings of memfds, files in its folder. One source has come
and gone before the base line is taken, because a flow keeps its last pool and the next one.
"""

import json
import os
import random
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from hub_rig import HubUnderTest, flow, sink, wait_until

import mediamesh
from mediamesh_protos import hub_pb2, plan_pb2

PATIENCE = 30.0
LONG = bool(os.environ.get("MEDIAMESH_LONG"))
"""Whether the long variants run: `MEDIAMESH_LONG=1 make test ARGS=agent/tests/faults`."""
CLIENT = Path(__file__).with_name("faults_client.py")


def repeats(few: int, many: int) -> range:
    """Seeds for a test that is repeated: few in the normal run, many in the long one."""
    return range(many if LONG else few)


class Actor:
    """A process of an application; see `faults_client`."""

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


def lossless(connection: str = "default/cam", **changes: Any) -> plan_pb2.FlowPlan:
    """A flow whose sinks hold the source back rather than lose a frame."""
    plan = {"frames": 128, "sinks": [sink(policy="block", queue=8, max_attachments=12)]}
    return flow(connection, **{**plan, **changes})


class Watched(Protocol):
    """A hub that can be looked at."""

    def flow(self, connection: str = ...) -> hub_pb2.ObservedFlow:
        """Return what is known of a flow."""


class Chance:
    """Moments under load, by a seed."""

    def __init__(self, hub: Watched, seed: int) -> None:
        self.random = random.Random(seed)
        self._hub = hub

    def moment(self, connection: str = "default/cam", most: int = 60) -> None:
        """Wait until some more frames have gone through; fails if the flow stands still."""
        until = self._hub.flow(connection).frames + self.random.randint(1, most)
        wait_until(lambda: self._hub.flow(connection).frames >= until, "the flow to go on")


def all_taken(hub: Watched, least: int = 0, connection: str = "default/cam") -> None:
    """Wait until every sink has taken all that it was given, and the flow has come to frame number `least`."""
    wait_until(
        lambda: (
            (now := hub.flow(connection)).next_sequence >= least
            and all(one.received >= one.frames for one in now.attachments if one.role == "sink")
        ),
        "all frames to be taken",
    )


def unharmed(report: dict[str, Any]) -> None:
    """Assert that a sink has seen every frame since its first one, as it was sent."""
    assert report["received"] > 0
    assert (report["altered"], report["lost"], report["gaps"]) == (0, 0, []), report


def end_of(hub: HubUnderTest, reason: str) -> hub_pb2.ObservedEnd | None:
    """Return what the hub remembers of the ends for this reason."""
    return next((end for end in hub.observe().ended if end.reason == reason), None)


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a hub's process holds, and what lies in its folder."""

    descriptors: Counter[str]
    mappings: int
    files: frozenset[str]

    @classmethod
    def of(cls, pid: int, root: Path) -> "Footprint":
        links = (_target(link) for link in Path(f"/proc/{pid}/fd").iterdir())
        maps = Path(f"/proc/{pid}/maps").read_text().count("/memfd:")
        return cls(Counter(links), maps, frozenset(str(path.relative_to(root)) for path in root.rglob("*")))

    def beyond(self, before: "Footprint") -> str:
        """Say what is more than before; empty if nothing is."""
        more = {f"{count} {kind}" for kind, count in (self.descriptors - before.descriptors).items()}
        more |= {f"file {name}" for name in self.files - before.files}
        more |= {f"{self.mappings - before.mappings} mappings"} if self.mappings > before.mappings else set()
        return ", ".join(sorted(more))


def _target(link: Path) -> str:
    try:
        return re.sub(r"\d+", "#", str(link.readlink()))
    except FileNotFoundError:
        return "closing"


@contextmanager
def audited(hub: HubUnderTest, *connections: str) -> Iterator[None]:
    """Assert that after the block the hub (or who follows it) holds no more than before."""
    for connection in connections or ("default/cam",):
        _rehearse(connection)
    before = _settled(hub)
    yield
    after = ""

    def as_before() -> bool:
        nonlocal after
        after = _settled(hub).beyond(before)
        return not after

    try:
        wait_until(as_before, "the hub to have no more than before")
    except AssertionError:
        raise AssertionError(f"the hub has more than before: {after}") from None


def _rehearse(connection: str) -> None:
    with mediamesh.open_source(connection) as feeding:
        feeding.send(b"rehearsal", timeout=PATIENCE)


def _settled(hub: HubUnderTest) -> Footprint:
    """Wait until nobody is attached, every frame is home and every flow has its next pool; then look."""
    wait_until(lambda: not any(one.attachments for one in hub.observe().flows), "all clients to be gone")
    wait_until(lambda: all(one.pool_free >= one.pool_frames - 1 for one in hub.observe().flows), "frames to come home")
    wait_until(lambda: _pools(hub) >= 2 * len(hub.observe().flows), "the next pool of every flow")
    return Footprint.of(hub.process.pid, hub.root)


def _pools(hub: HubUnderTest) -> int:
    found = Footprint.of(hub.process.pid, hub.root).descriptors
    return sum(count for name, count in found.items() if "mediamesh-pool" in name)
