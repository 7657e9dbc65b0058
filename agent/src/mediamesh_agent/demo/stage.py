"""Where a run of the demo takes place: folders of its own, the film, the connections, everything that runs.

The folder is temporary and goes at the end with all that is in it, so that a run touches nothing of the user's; what
runs below it is found again by its name, which is how `leftovers` knows what is ours.
"""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mediamesh_agent.demo.clip import find, video_format
from mediamesh_agent.demo.consumers import Material, consumers
from mediamesh_agent.demo.errors import ClipMissing
from mediamesh_agent.hubprocess import HubSettings
from mediamesh_agent.local import LocalAgent
from mediamesh_agent.session import session
from mediamesh_core.formats import VideoFormat

MOTION: Final = Path(__file__).with_name("motion.yaml")
EXAMPLE: Final = Path("examples/demo.yaml")
RECORDINGS: Final = (".mkv", ".mp4", ".mov", ".y4m")


@dataclass(frozen=True, slots=True)
class Stage:
    """The folders of one run."""

    folder: Path
    film: Path

    @property
    def root(self) -> Path:
        """The hub's folder."""
        return self.folder / "run"

    @property
    def media(self) -> Path:
        """Where files are played from and recorded to."""
        return self.folder / "media"

    @property
    def reports(self) -> Path:
        """Where consumers report."""
        return self.folder / "reports"

    def recordings(self) -> list[Path]:
        """Return what was recorded, oldest first."""
        found = (path for path in self.media.rglob("*") if path.suffix in RECORDINGS and path != self.film)
        return sorted(path for path in found if not path.name.startswith("."))

    def unfinished(self) -> list[Path]:
        """Return what a recorder that was killed has left behind."""
        return sorted(self.media.rglob(".*.part"))


@contextlib.contextmanager
def stage() -> Iterator[Stage]:
    """Make the folders and put the film in place."""
    original = find()
    with tempfile.TemporaryDirectory(prefix="mediamesh-demo-") as name:
        made = Stage(Path(name), Path(name) / "media" / original.name)
        for folder in (made.root, made.media, made.reports):
            folder.mkdir()
        shutil.copyfile(original, made.film)
        yield made


@dataclass(frozen=True, slots=True)
class Performance:
    """What runs on a stage."""

    agent: LocalAgent
    port: int
    film_connection: str

    @property
    def format(self) -> VideoFormat:
        """What the film's connection carries."""
        (payload,) = (f.payload for f in self.agent.desired.plan.flows if f.connection == self.film_connection)
        return video_format(payload)


@contextlib.asynccontextmanager
async def performing(made: Stage, *, port: int | None) -> AsyncIterator[Performance]:
    """Run hub, agent, page and consumers while the context lasts."""
    hub = HubSettings(made.root, made.media)
    async with session((_example(), MOTION), hub, port=port) as (agent, bound):
        await agent.news()
        film = next(flow for flow in agent.desired.plan.flows if flow.source.endpoint.kind == "bridge")
        material = Material(made.root, made.film, film.payload, made.reports)
        async with consumers(agent, film.connection, material):
            yield Performance(agent, bound, film.connection)


def _example() -> Path:
    """Find the example beside the working directory, or beside the sources."""
    for folder in (Path.cwd(), *Path(__file__).resolve().parents):
        if (folder / EXAMPLE).is_file():
            return folder / EXAMPLE
    raise ClipMissing(f"{EXAMPLE} is not here: run the demo in the repository")


async def everyone_flows(performance: Performance, deadline: float) -> bool:
    """Wait until frames come at every sink of the film; False if that did not happen in time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(deadline):
            while not _all_received(performance):
                await performance.agent.news()
            return True
    return False


def _all_received(performance: Performance) -> bool:
    flows = performance.agent.picture().flows
    (film,) = (flow for flow in flows if flow.connection == performance.film_connection)
    return all(sink.received > 0 for sink in film.sinks)
