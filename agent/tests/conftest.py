"""A hub of its own for every test that asks for one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mediamesh_testing.hub import HubUnderTest, running_hub


@pytest.fixture
def root(free_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of this test's hub, where its clients look for it as well; files are recorded beside it."""
    folder = free_dir / "mesh"
    monkeypatch.setenv("MEDIAMESH_MEDIA", str(free_dir))
    monkeypatch.setenv("MEDIAMESH_DIR", str(folder))
    return folder


@pytest.fixture
def hub(root: Path) -> Iterator[HubUnderTest]:
    """A hub of its own; ends in order."""
    with running_hub(root) as running:
        yield running
