"""The nodes' pods are replaced while frames flow, a new one beside each old one: not one frame is lost.

Applications do not notice. Bridges do: they are processes of the old container, so they end in order with it, and the
new one starts its own. `docs/operations/upgrade.md` says what that means for a recording and for a file that is played.
"""

from collections.abc import Iterator

import pytest
from e2e_changes import Change
from e2e_flows import Flow, lasting_flow
from e2e_recordings import provide_clip, recordings

from mediamesh_e2e.backends.backend import Backend
from mediamesh_e2e.patience import until
from mediamesh_e2e.pods import Pods
from mediamesh_e2e.release.applications import LIVE, application, connection
from mediamesh_e2e.release.chart import NAME, NAMESPACE, Release
from mediamesh_e2e.release.images import provide_images

NODE = "node-a"


@pytest.fixture(scope="module")
def newer(backend: Backend, release: Release) -> str:
    """Give the tag of images that differ from the release's in their name."""
    return provide_images(backend, tag=f"{release.tag}-newer")


@pytest.fixture(scope="module")
def cam(release: Release, shared_pods: Pods) -> Iterator[Flow]:
    with lasting_flow(release, shared_pods) as made:
        yield made


def test_an_upgrade_and_the_way_back_lose_no_frame(cam: Flow, newer: str) -> None:
    before, handovers = cam.release.node_pod(NODE), cam.release.handovers(NODE)

    cam.release.upgrade(tag=newer)
    upgraded = cam.release.node_pod(NODE)
    cam.assert_nothing_lost()
    cam.release.rollback()

    cam.assert_nothing_lost()
    assert len({before, upgraded, cam.release.node_pod(NODE)}) == 3
    assert cam.release.handovers(NODE) == handovers + 2


def test_nor_do_several_in_a_row(cam: Flow) -> None:
    before = cam.release.handovers(NODE)

    for number in range(3):
        cam.release.upgrade(values={"node": {"podAnnotations": {"round": str(number)}}})

    cam.assert_nothing_lost()
    assert cam.release.handovers(NODE) == before + 3


def test_an_upgrade_that_cannot_start_leaves_the_old_ones_at_work(cam: Flow) -> None:
    before = cam.release.node_pod(NODE)
    change = Change(cam, "stuck")
    change.prepare()

    cam.release.submit(tag="missing")
    try:
        until(lambda: "ImagePull" in waiting(cam), "a pod whose image is missing", seconds=120)
        change.make()
        change.await_done()
        cam.assert_nothing_lost()
    finally:
        cam.release.rollback()

    cam.assert_nothing_lost()
    assert before in cam.release.named("node")
    change.undo()


def waiting(cam: Flow) -> str:
    path = "{.items[*].status.containerStatuses[*].state.waiting.reason}"
    words = ["--selector=app.kubernetes.io/component=node", "--output", f"jsonpath={path}", "--namespace", NAMESPACE]
    return cam.release.backend.kubectl("get", "pods", *words)


def test_recordings_are_finished_and_go_on_in_a_new_file(cam: Flow) -> None:
    """Frames between the two files are in neither: nobody recorded them; each file is whole and seamless."""
    folder = cam.namespace  # each has its own below the media folder
    archive = {"name": "archive", "file": {"path": "cam.raw"}, "delivery": {"policy": "block"}}
    cam.set_sinks([*cam.sinks_wanted(), archive])
    until(lambda: recordings(cam.release, NODE, folder), "a recording", seconds=60)
    cam.applications.more("live", 50)

    cam.release.backend.kubectl("rollout", "restart", f"daemonset/{NAME}-node", "--namespace", NAMESPACE)
    cam.release.await_rollout()
    until(lambda: len(recordings(cam.release, NODE, folder)) == 2, "the second recording", seconds=60)
    cam.applications.more("live", 50)
    cam.remove_sink("archive")
    until(lambda: not any(each.hidden for each in recordings(cam.release, NODE, folder)), "its end", seconds=60)

    first, second = recordings(cam.release, NODE, folder)
    assert (first.name, second.name) == ("cam.raw", "cam-1.raw")
    assert first.whole
    assert second.whole
    assert first.seamless
    assert second.seamless
    assert first.counts[-1] < second.counts[0]
    cam.assert_nothing_lost()


def test_a_file_that_is_played_begins_anew(cam: Flow) -> None:
    provide_clip(cam.release, NODE, f"{cam.namespace}/clip.raw")
    clip = connection("clip", sinks={"viewer": LIVE})
    clip["spec"]["source"] = {"name": "clip", "file": {"path": "clip.raw", "nodeName": NODE}}
    cam.apply(clip)
    cam.applications.pods.start(application(cam.release.tag, "sink", "clip", app="viewer"))
    cam.applications.more("viewer")

    cam.release.backend.kubectl("rollout", "restart", f"daemonset/{NAME}-node", "--namespace", NAMESPACE)
    cam.release.await_rollout()

    cam.applications.more("viewer", 50)
    cam.delete("mediaconnection", "clip")
    cam.assert_nothing_lost()
