"""The quick start of the documentation, as a new user would follow it: every file written, every command typed.

Nothing is put in the place of anything: the images have the registry and the tag that the page names (on a cluster that
was there before, the registry of its own). Where the page says what a command shows, it is asked until it shows that; a
person would look again, too.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from mediamesh_testing.pages import blocks

from mediamesh_e2e.backends.backend import Backend
from mediamesh_e2e.patience import until
from mediamesh_e2e.places import REPOSITORY
from mediamesh_e2e.programs import run
from mediamesh_e2e.release.chart import CHART, Release, forget_kinds
from mediamesh_e2e.release.images import REGISTRY, provide_images

PAGE = REPOSITORY / "docs/guide/kubernetes.md"
VERSION = str(yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"])
SHOWN = [
    ("kubectl get medianodes", r"node-a +True[^\n]*\nnode-b +True"),
    ("kubectl get mediaconnections", r"cam1 +False"),
    ("kubectl get mediaconnection cam1", r"cam1 +True +camera +1/1"),
    # how many are missed is a matter of what else the machine does
    ("kubectl logs deployment/wall --tail=3", r"(frame \d+ bytes 691200 missed \d+\n){3}"),
    ("kubectl get mediaconnection cam1", r"cam1 +True +camera +4/4"),
]
"""What the page says of its commands, in its order."""


def commands(text: str) -> list[str]:
    """Take a block apart: a command is a line, and the next one too if it ends with a backslash."""
    return [command for command in re.split(r"(?<!\\)\n", text) if command]


class Reader:
    """Follows the page in a folder that has the chart where a checkout has it."""

    def __init__(self, backend: Backend, folder: Path) -> None:
        self._environment, self._names = backend.kubectl.environment, backend.kubectl.names
        self._folder = folder
        self.seen: list[str] = []
        (folder / "charts").symlink_to(CHART.parent)

    def follow(self, page: Path) -> None:
        """Write the page's files and type its commands, from top to bottom."""
        for block in blocks(page):
            text = block.text.replace("registry.test", REGISTRY)
            for word in block.words:
                if word.startswith("file="):
                    (self._folder / word.removeprefix("file=")).write_text(text)
            if "cluster" in block.words:
                for command in commands(text):
                    self._see(command)

    def _see(self, command: str) -> None:
        if len(self.seen) == len(SHOWN) or SHOWN[len(self.seen)][0] != command:
            self._type(command)
            return
        pattern = SHOWN[len(self.seen)][1]
        self.seen.append(until(lambda: self._showing(command, pattern), f"{command} to show {pattern}", seconds=60))

    def _showing(self, command: str, pattern: str) -> str | None:
        shown = self._type(command)
        return shown if re.search(pattern, shown) else None

    def _type(self, command: str) -> str:
        words = ["bash", "-euo", "pipefail", "-c", command]
        return self._names.ours(run(words, environment=self._environment, folder=self._folder, timeout=400))


@pytest.fixture
def reader(backend: Backend, tmp_path: Path) -> Iterator[Reader]:
    provide_images(backend, VERSION)
    forget_kinds(backend)
    yield Reader(backend, tmp_path)
    backend.kubectl("delete", "deployment/wall", "pod/camera", "--ignore-not-found")  # the page does it, if all is well
    Release(backend, VERSION).uninstall()
    forget_kinds(backend)


def test_the_quick_start_works_word_for_word(reader: Reader) -> None:
    assert f"registry.test/mediamesh-sdk:{VERSION}" in PAGE.read_text()

    reader.follow(PAGE)

    assert len(reader.seen) == len(SHOWN)
