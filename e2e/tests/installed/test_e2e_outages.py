"""Whatever of the control plane is killed, gone or cut off: not one frame is lost, and changes are carried out later.

One flow runs through all of it, with a sink of each kind of delivery that promises something. Each test looks at all
that these sinks have received since the beginning, so what one outage did to the next would show as well.
"""

from collections.abc import Iterator

import pytest
from e2e_changes import Change
from e2e_flows import PROMISED, Flow, lasting_flow
from e2e_outages import OUTAGES

from mediamesh_e2e.cluster.cluster import Cluster
from mediamesh_e2e.errors import ProgramFailed
from mediamesh_e2e.patience import until
from mediamesh_e2e.pods import Pods
from mediamesh_e2e.release.chart import Release


@pytest.fixture(scope="module")
def cam(release: Release, shared_pods: Pods) -> Iterator[Flow]:
    with lasting_flow(release, shared_pods) as made:
        yield made


@pytest.mark.parametrize("outage", OUTAGES)
def test_no_frame_is_lost_and_changes_are_carried_out(cluster: Cluster, cam: Flow, outage: str) -> None:
    change = Change(cam, outage)
    change.prepare()

    with OUTAGES[outage](cam.release, cluster):
        change.make()
    until(lambda: answers(cam), "logs of pods", seconds=60)
    change.await_done()

    cam.assert_nothing_lost()
    change.undo()
    cam.release.settle()


def answers(cam: Flow) -> bool:
    try:
        return bool(cam.applications.received("live"))
    except ProgramFailed:  # a kubelet or containerd that begins
        return False


def container(cam: Flow, name: str) -> str:
    identity, _ = cam.applications.pods.container(name)
    return identity


def test_a_hub_that_is_killed_costs_each_sink_one_discontinuity(cluster: Cluster, cam: Flow) -> None:
    pod = cam.release.node_pod("node-a")
    keeper = cam.release.container(pod, "hub")
    before = {sink: cam.applications.more(sink) for sink in PROMISED}

    cam.release.kill_hub("node-a")

    for sink, had in before.items():
        received = cam.applications.more(sink, 50)
        assert received.discontinuities - had.discontinuities == 1
        assert (received.altered, len(received.sources)) == (0, 1)
    assert cam.release.container(pod, "hub") == keeper  # kubelet, which waits ever longer, had nothing to do


def test_after_a_power_cut_a_node_s_flows_begin_anew(cluster: Cluster, cam: Flow) -> None:
    node = cluster.nodes["node-a"]
    before = {name: container(cam, name) for name in ("source", *PROMISED)}

    node.power_off()
    node.power_on()
    node.join()
    until(lambda: all(container(cam, name) != was for name, was in before.items()), "new containers", seconds=120)
    until(lambda: answers(cam), "logs of pods", seconds=60)

    for sink in PROMISED:
        assert cam.applications.more(sink, patience=120).altered == 0
    cam.release.settle()
