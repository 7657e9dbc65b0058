"""One hub for the tests of a module that want no more of it than connections; each finds it without any."""

from collections.abc import Iterator

import pytest
from mediamesh_testing.hub import HubUnderTest, running_hub


@pytest.fixture(scope="module")
def lasting_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubUnderTest]:
    with running_hub(tmp_path_factory.mktemp("hub") / "mesh") as running:
        yield running


@pytest.fixture
def hub(lasting_hub: HubUnderTest) -> Iterator[HubUnderTest]:
    yield lasting_hub
    lasting_hub.apply()
