"""The SDK's tests talk to a real hub."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sdk_mesh import Mesh, running_mesh


@pytest.fixture(scope="module")
def mesh() -> Iterator[Mesh]:
    """One hub for the tests of a module; each applies its own connections."""
    folder = Path(tempfile.mkdtemp(prefix="mm-sdk-", dir="/tmp"))
    with running_mesh(folder) as running:
        yield running
    shutil.rmtree(folder)


@pytest.fixture
def own_mesh(free_dir: Path) -> Iterator[Mesh]:
    """A hub that a test may kill."""
    with running_mesh(free_dir) as running:
        yield running
