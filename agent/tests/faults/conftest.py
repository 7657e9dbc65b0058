"""A hub under attack for every module of tests that asks for one."""

from collections.abc import Iterator

import pytest
from faults_beset import beset_hub
from mediamesh_testing.hub import HubUnderTest


@pytest.fixture(scope="module")
def beset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubUnderTest]:
    """A hub with a healthy flow, which must have lost nothing when the module's tests are over."""
    folder = tmp_path_factory.mktemp("hub") / "mesh"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDIAMESH_DIR", str(folder))
        with beset_hub(folder) as running:
            yield running
