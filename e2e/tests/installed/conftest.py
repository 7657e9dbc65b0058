"""One release of the chart with its defaults for all tests of this folder, which leave it as they found it."""

from collections.abc import Iterator

import pytest

from mediamesh_e2e.backends.backend import Backend
from mediamesh_e2e.release.chart import Release, released
from mediamesh_e2e.release.images import provide_images


@pytest.fixture(scope="package")
def release(backend: Backend) -> Iterator[Release]:
    with released(backend, provide_images(backend)) as made:
        yield made
