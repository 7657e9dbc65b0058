"""A release from its installation to its end: upgraded, changed, put back, tested, removed and installed anew.

No version has been released yet, so the one before is this one under another number, with images of another tag.
"""

import re
from collections.abc import Iterator

import e2e_traces as traces
import pytest
from e2e_flows import Flow, flow
from e2e_releases import changed, helm_test, images, packaged

from mediamesh_e2e.backends.backend import Backend
from mediamesh_e2e.cluster.cluster import Cluster
from mediamesh_e2e.errors import ProgramFailed
from mediamesh_e2e.patience import until
from mediamesh_e2e.pods import Pods
from mediamesh_e2e.release.applications import Received, connection
from mediamesh_e2e.release.chart import KINDS, NAME, NAMESPACE, Release, released
from mediamesh_e2e.release.images import provide_images

BEFORE = "0.0.9"
LOSSLESS = {"sink": {"policy": "block", "queue": 16}}
"""A busy machine slows the source down; whatever is missing then, the hub has lost."""
KEPT = {f"CustomResourceDefinition//{kind}.mediamesh.io" for kind in KINDS}
FOLDER = {"hub.lock", "plan.pb", "bridges", "pods"}


@pytest.fixture(scope="module")
def release(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    chart = packaged(backend, BEFORE, tmp_path_factory.mktemp("chart"))
    with released(backend, provide_images(backend, BEFORE), chart=chart) as made:
        yield made


@pytest.fixture(scope="module")
def tag(backend: Backend) -> str:
    """Give the tag of the images that the release is upgraded to."""
    return provide_images(backend)


def goes_on(cam: Flow, before: Received) -> bool:
    return cam.applications.more("sink").continues(before)


def test_upgrade_new_values_and_rollback_lose_no_frame(release: Release, pods: Pods, tag: str) -> None:
    with flow(release, pods, sinks=LOSSLESS) as cam:
        before = cam.applications.received("sink")

        release.upgrade(tag=tag)
        until(lambda: all(image.endswith(f":{tag}") for image in images(release)), "the old pods' end", seconds=60)
        assert goes_on(cam, before)

        release.upgrade(tag=tag, values={"operator": {"replicas": 1}, "node": {"logLevel": "debug"}})
        assert NAME not in budgets(release)
        assert goes_on(cam, before)

        release.rollback()
        assert NAME in budgets(release)
        assert goes_on(cam, before)


def budgets(release: Release) -> str:
    return release.backend.kubectl("get", "poddisruptionbudgets", "--namespace", NAMESPACE, "--output=name")


def test_helm_test_lets_frames_flow_and_removes_what_it_made(release: Release, tag: str) -> None:
    release.upgrade(tag=tag)

    said = helm_test(release)

    assert re.findall(r"Phase: +(\w+)", said) == ["Succeeded"] * 3  # the receiver ends with 0 after fifty frames only
    test_pods = ["pods,deployments,mediaconnections", "--selector=app.kubernetes.io/component=test"]
    until(lambda: not release.backend.kubectl.get(*test_pods, namespace=NAMESPACE)["items"], "the end", seconds=60)


def test_uninstalled_it_leaves_kinds_and_applications_which_flow_after_the_next_installation(
    release: Release, cluster: Cluster, pods: Pods, tag: str
) -> None:
    with flow(release, pods, sinks=LOSSLESS) as cam:
        before = {name: pods.container(name) for name in ("source", "sink")}
        living = {pods.get(name)["metadata"]["uid"] for name in before}

        release.uninstall()

        assert traces.objects(release.backend.kubectl) == {*KEPT, f"Namespace//{NAMESPACE}"}
        for node in cluster.nodes.values():
            assert traces.sockets(node) == set()
            assert traces.processes(node) == []
            # kubelet may still be at the pods of the test before
            until(lambda: traces.mounted(node) <= living, "no mount of a pod that is gone", seconds=60)  # noqa: B023
            assert {path for path in traces.files(node) if not path.startswith("pods/")} <= FOLDER
            assert traces.files(node, "-path", f"{traces.ROOT}/pods/*", "!", "-type", "d") == set()
        assert traces.pools(cluster.nodes["node-b"]) == set()
        cam.apply(connection("other", sinks=LOSSLESS))
        cam.delete("mediaconnection", "other")  # nobody of ours is there to let it go

        release.upgrade(tag=tag)
        received = cam.applications.more("sink")
        assert (received.altered, received.unflagged) == (0, 0)
        assert cam.applications.await_condition("cam", "Ready", "Flowing")["status"] == "True"
        assert before == {name: pods.container(name) for name in before}


def test_kinds_go_too_where_they_shall_not_be_kept(release: Release, tag: str) -> None:
    release.upgrade(tag=tag, values={"crds": {"keep": False}})

    release.uninstall()

    until(
        lambda: traces.objects(release.backend.kubectl) == {f"Namespace//{NAMESPACE}"},
        f"no more than the namespace; there is {traces.objects(release.backend.kubectl)}",
        seconds=60,
    )


def test_helm_test_fails_and_says_why_where_no_node_serves(release: Release, tag: str) -> None:
    release.upgrade(tag=tag)
    changed(release, {"node": {"nodeSelector": {"mediamesh.io/nowhere": "true"}}})

    with pytest.raises(ProgramFailed, match=r"no hub answers at /run/mediamesh/.*`kubectl get medianodes`"):
        helm_test(release)
