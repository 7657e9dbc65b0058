"""The code in the pages does what the pages say.

A page is executed as its reader would: from top to bottom, in one empty folder, with a `MEDIAMESH_DIR` of its own. What
happens to a block is said behind its language, and a block that says nothing of it where it must is an error, so that
nothing is passed over in silence:

=================================== ===============================================================================
`python run`, `sh run`              executed in a fresh process; must end with 0
`python run background`, `sh …`     started, and told to end (SIGTERM) after the last block of the page. A hub that is
                                    started so is waited for before the page goes on
`python fragment`                   must compile; cannot run alone
`sh shown`                          only read: it needs a cluster, root, or is not ours
`sh cluster`                        only read here; `make e2e` runs it, command by command, on a cluster of its own
`yaml`, `json`, `toml`              must parse; a MediaConnection must also be valid
`… file=NAME`                       any of these and `text`: written to that file, for the blocks that follow
`text`, `console`, `proto`, `c`,
`mermaid`, nothing                  only read
=================================== ===============================================================================
"""

import json
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from mediamesh_testing.pages import ROOT, Block, blocks, pages
from mediamesh_testing.waiting import wait_until

from mediamesh_core import kinds

READ = {"", "text", "console", "proto", "c", "mermaid"}
MUST_SAY = {"python": {"run", "fragment"}, "sh": {"run", "shown", "cluster"}}
MINUTE = 60.0
PAGES = [page for page in pages() if blocks(page)]
BLOCKS = [block for page in PAGES for block in blocks(page)]


def validate_yaml(text: str) -> None:
    """Refuse what is no YAML, or a MediaConnection that core refuses."""
    if any(isinstance(item, dict) and item.get("kind") == "MediaConnection" for item in yaml.safe_load_all(text)):
        assert kinds.load(text)


def compile_python(text: str) -> None:
    """Refuse what is no Python."""
    compile(text, "<page>", "exec")


PARSERS: dict[str, Callable[[str], object]] = {
    "yaml": validate_yaml,
    "json": json.loads,
    "toml": tomllib.loads,
    "python": compile_python,
}


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_block_says_what_happens_to_it(block: Block) -> None:
    words = {word for word in block.words if not word.startswith("file=")}
    allowed = MUST_SAY.get(block.language)
    if allowed is None:
        assert block.language in READ | set(PARSERS)
        assert not words
    else:
        assert len(words & allowed) == 1
        assert words <= allowed | {"background"}
        assert block.language == "python" or "background" not in words or len(block.text.splitlines()) == 1


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language in PARSERS], ids=str)
def test_block_is_valid(block: Block) -> None:
    PARSERS[block.language](block.text)


class Reader:
    """Carries out the blocks of one page, one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mesh = folder / "mesh"
        self.mesh.mkdir()
        self.running: list[tuple[Block, subprocess.Popen[str]]] = []
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environment = {**os.environ, "MEDIAMESH_DIR": str(self.mesh), "PATH": path, "PYTHONWARNINGS": "error"}

    def follow(self, block: Block) -> None:
        """Do what the block's words say."""
        for word in block.words:
            if word.startswith("file="):
                (self.folder / word.removeprefix("file=")).write_text(block.text)
        if "run" in block.words:
            process = self._start(block)
            if "background" in block.words:
                self.running.append((block, process))
                if "mediamesh up" in block.text:
                    self._wait_for_the_hub(block, process)
            else:
                assert ending(block, process) == []

    def end(self) -> None:
        """End what still runs, newest first; all of it, also where one did not end well."""
        problems = []
        for block, process in reversed(self.running):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            problems += ending(block, process, (0, -signal.SIGTERM))
        assert problems == []

    def _start(self, block: Block) -> subprocess.Popen[str]:
        program = [sys.executable, "-c"] if block.language == "python" else ["bash", "-euo", "pipefail", "-c"]
        return subprocess.Popen(
            [*program, command(block)],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _wait_for_the_hub(self, block: Block, process: subprocess.Popen[str]) -> None:
        socket = self.mesh / "attach.sock"
        wait_until(lambda: socket.exists() or process.poll() is not None, f"the hub of {block}")
        if process.poll() is not None:
            pytest.fail(f"{block}: no hub: {process.communicate()[0]}")


def command(block: Block) -> str:
    """Make a shell's background command take the place of its shell, so that it gets the signals.

    The page at port 8080 is left out: somebody else may be at it.
    """
    text = block.text.replace("mediamesh up ", "mediamesh up --port 0 ")
    return f"exec {text}" if block.language == "sh" and "background" in block.words else text


def ending(block: Block, process: subprocess.Popen[str], accepted: tuple[int, ...] = (0,)) -> list[str]:
    """Wait for the end of a block's process; say what was wrong with it."""
    try:
        said, _ = process.communicate(timeout=MINUTE)
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
    return [] if process.returncode in accepted else [f"{block} ended with {process.returncode}:\n{said}"]


@pytest.fixture
def reader(free_dir: Path) -> Iterator[Reader]:
    sitting = Reader(free_dir)
    yield sitting
    sitting.end()


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if any("run" in block.words for block in blocks(page))],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_page_works_from_top_to_bottom(page: Path, reader: Reader) -> None:
    for block in blocks(page):
        reader.follow(block)
