"""A hub for every test, or for every module of tests; the rigs of the hub's own tests are used here too."""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]
RIGS = (TESTS, TESTS / "hub", TESTS.parents[1] / "cython_ext" / "tests")  # those of the engine and of the agent as well
sys.path[:0] = [str(rig) for rig in RIGS if str(rig) not in sys.path]


@pytest.fixture
def root(free_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of this test's hub, where its clients look for it as well; files are recorded beside it."""
    folder = free_dir / "mesh"
    monkeypatch.setenv("MEDIAMESH_MEDIA", str(free_dir))
    monkeypatch.setenv("MEDIAMESH_DIR", str(folder))
    return folder


@pytest.fixture
def hub(root: Path) -> Iterator[Any]:
    """A hub of its own; ends in order."""
    with import_module("hub_rig").running_hub(root) as running:
        yield running


@pytest.fixture(scope="module")
def beset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A hub with a healthy flow, which must have lost nothing when the module's tests are over."""
    folder = tmp_path_factory.mktemp("hub") / "mesh"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDIAMESH_DIR", str(folder))
        with import_module("faults_beset").beset_hub(folder) as running:
            yield running
