"""Frames between pods: one source, sinks that come and go, and a standby that takes over."""

from collections.abc import Iterator

import pytest
from e2e_flows import Flow, flow

from mediamesh_e2e.patience import until
from mediamesh_e2e.pods import Pods
from mediamesh_e2e.release.applications import LIVE, application
from mediamesh_e2e.release.chart import Release


@pytest.fixture
def cam(release: Release, pods: Pods) -> Iterator[Flow]:
    """Give a connection with a source and one sink, through which frames flow."""
    with flow(release, pods) as made:
        yield made


def test_a_connection_flows_and_says_so(cam: Flow) -> None:
    received = cam.applications.more("sink", 50)

    assert received.flawless
    assert len(received.sources) == 1
    assert cam.applications.await_condition("cam", "Ready", "Flowing")["status"] == "True"
    endpoints = cam.status()["endpoints"]
    assert {(each["name"], each["node"], each["pod"]) for each in endpoints} == {
        ("source", "node-a", "source"),
        ("sink", "node-a", "sink"),
    }


def test_sinks_come_and_go_and_nobody_else_loses_a_frame(release: Release, pods: Pods) -> None:
    with flow(release, pods, sinks={"sink": LIVE, "witness": LIVE}) as cam:
        before = cam.applications.more("witness")
        sinks_come_and_go(cam)
        assert cam.applications.more("witness").continues(before)


def sinks_come_and_go(cam: Flow) -> None:
    names = [f"sink-{number}" for number in range(1, 4)]
    cam.applications.pods.start(*(application(cam.release.tag, "sink", "cam", app="sink", name=name) for name in names))
    for name in names:
        assert cam.applications.more(name).flawless
    until(lambda: cam.sinks() == {"sink", "witness", *names}, "four pods of the sink in status", seconds=60)

    cam.delete("pod", *names)
    until(lambda: cam.sinks() == {"sink", "witness"}, "the first of them in status", seconds=60)
    assert cam.applications.more("sink").flawless

    cam.delete("pod", "sink")
    until(lambda: cam.sinks() == {"witness"}, "none of the sink's pods in status", seconds=60)
    cam.applications.pods.start(application(cam.release.tag, "sink", "cam", app="sink", name="late"))
    assert cam.applications.more("late").flawless


def test_a_standby_takes_over_with_one_flagged_discontinuity(cam: Flow) -> None:
    cam.applications.pods.start(application(cam.release.tag, "source", "cam", app="source", name="standby"))
    until(lambda: cam.states().get("standby") == "Standby", "the standby in status", seconds=60)
    before = cam.applications.more("sink")

    cam.delete("pod", "source")
    until(lambda: len(cam.applications.received("sink").sources) == 2, "the standby's frames", seconds=60)

    after = cam.applications.more("sink")
    assert after.flawless
    assert (after.discontinuities - before.discontinuities, after.unflagged) == (1, 0)
    until(lambda: cam.states().get("standby") not in (None, "Standby"), "the standby as source", seconds=60)


def test_a_slow_sink_loses_its_own_frames_only(cam: Flow) -> None:
    manifest = application(cam.release.tag, "sink", "cam", "0.5", app="slow")
    cam.add_sink("slow", {**LIVE, "queue": 2})
    cam.applications.pods.start(manifest)
    cam.applications.more("slow", 6)
    until(lambda: cam.applications.received("slow").missed, "frames that the slow one missed", seconds=60)

    assert cam.applications.more("sink").flawless
