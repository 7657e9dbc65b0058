"""The rig of the hub's own tests is used here too, and every hub must be as it was when a test is over."""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]
sys.path[:0] = [path for path in (str(TESTS), str(TESTS / "hub")) if path not in sys.path]


@pytest.fixture
def root(free_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of this test's hub, where its clients look for it as well."""
    folder = free_dir / "mesh"
    monkeypatch.setenv("MEDIAMESH_DIR", str(folder))
    return folder


@pytest.fixture
def hub(root: Path) -> Iterator[Any]:
    """A hub of its own; ends in order."""
    with import_module("hub_rig").running_hub(root) as running:
        yield running
