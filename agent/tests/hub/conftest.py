"""A hub of its own for every test that asks for one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_rig import HubUnderTest, running_hub


@pytest.fixture
def root(free_dir: Path) -> Path:
    return free_dir / "mesh"


@pytest.fixture
def hub(root: Path) -> Iterator[HubUnderTest]:
    with running_hub(root) as running:
        yield running
