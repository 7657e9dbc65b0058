"""One release of the chart with its defaults for all tests of this folder, which leave it as they found it."""

from collections.abc import Iterator

import pytest
from e2e_abandoned import Abandoned, abandon
from e2e_namespaces import a_namespace

from mediamesh_e2e.backends.backend import Backend
from mediamesh_e2e.cluster.cluster import Cluster
from mediamesh_e2e.pods import Pods
from mediamesh_e2e.release.chart import Release, released
from mediamesh_e2e.release.images import provide_images


@pytest.fixture(scope="package")
def release(backend: Backend) -> Iterator[Release]:
    with released(backend, provide_images(backend)) as made:
        yield made


@pytest.fixture(scope="package")
def abandoned(release: Release, backend: Backend, cluster: Cluster) -> Abandoned:
    """Give pods of node-a that went while no agent ran there; whoever waits for the end of their folders waits long."""
    with a_namespace(backend) as name:
        return abandon(release, cluster.nodes["node-a"], Pods(backend.kubectl, name))
