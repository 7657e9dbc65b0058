"""One cluster for all tests of a worker, a namespace for each, and a record of what was there when one failed."""

import os
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from e2e_namespaces import a_namespace
from xdist.scheduler import LoadFileScheduling

from mediamesh_e2e.backends.backend import Backend
from mediamesh_e2e.backends.choice import backend as chosen
from mediamesh_e2e.cluster.cluster import Cluster
from mediamesh_e2e.errors import E2eError
from mediamesh_e2e.images.archive import Start
from mediamesh_e2e.images.image import Image
from mediamesh_e2e.pods import Pods

BACKEND = pytest.StashKey[Backend]()
CHOICE = os.environ.get("BACKEND", "local")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what breaks a cluster, or looks into its machines, where the cluster is not ours."""
    needs_ours = [item for item in items if CHOICE != "local" and "cluster" in getattr(item, "fixturenames", ())]
    if needs_ours:
        config.hook.pytest_deselected(items=needs_ours)
        items[:] = [item for item in items if item not in needs_ours]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    session = item.session
    if report.failed and report.when != "teardown" and (backend := session.stash.get(BACKEND, None)):
        record(backend, item.name)
        report.sections.append(("cluster", f"its logs, and its state after the failure: {backend.logs}"))
    return report


def record(backend: Backend, name: str) -> None:
    try:
        backend.kubectl.record(backend.logs / name)
    except E2eError as error:  # the test may have broken the cluster
        (backend.logs / name / "unrecorded.txt").write_text(str(error))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    """Give a worker, which has a cluster of its own, whole files, and all files that share one release."""
    return _FilesAndReleases(config, log)


class _FilesAndReleases(LoadFileScheduling):  # type: ignore[misc]  # it ships no types
    def _split_scope(self, nodeid: str) -> str:
        return "installed" if "/installed/" in nodeid else str(super()._split_scope(nodeid))


@pytest.fixture(scope="session")
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with chosen(CHOICE) as running:
        request.session.stash[BACKEND] = running
        yield running
        del request.session.stash[BACKEND]


@pytest.fixture(scope="session")
def cluster(backend: Backend) -> Cluster:
    """Give the machines of the cluster; tests that ask for it run on the local backend only."""
    assert backend.cluster
    return backend.cluster


@pytest.fixture(scope="session")
def python_image(backend: Backend) -> str:
    """Give an image with Python and nothing of ours; it waits."""
    wait = Start(("python3", "-c", "import signal; signal.sigwait([signal.SIGTERM])"))
    return backend.provide(Image("registry.test/python:1", wait))


@pytest.fixture
def pods(backend: Backend, namespace: str) -> Pods:
    return Pods(backend.kubectl, namespace)


@pytest.fixture
def namespace(backend: Backend) -> Iterator[str]:
    with a_namespace(backend) as name:
        yield name


@pytest.fixture(scope="module")
def shared_pods(backend: Backend) -> Iterator[Pods]:
    """Give the pods of a namespace that the tests of one file share."""
    with a_namespace(backend) as name:
        yield Pods(backend.kubectl, name)
