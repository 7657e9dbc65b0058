"""The SDK's tests talk to a real hub, which `MEDIAMESH_DIR` names."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mediamesh_testing.hub import HubUnderTest, running_hub


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubUnderTest]:
    """One hub for the tests of a module; each applies its own connections."""
    with pytest.MonkeyPatch.context() as patch:
        yield from hub_below(tmp_path_factory.mktemp("sdk"), patch)


@pytest.fixture
def own_hub(free_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubUnderTest]:
    """A hub that a test may kill."""
    yield from hub_below(free_dir, monkeypatch)


def hub_below(folder: Path, environment: pytest.MonkeyPatch) -> Iterator[HubUnderTest]:
    environment.setenv("MEDIAMESH_DIR", str(folder / "mesh"))
    with running_hub(folder / "mesh") as running:
        yield running
