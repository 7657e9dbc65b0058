"""Which connection a bare name is."""

import pytest
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.plans import bridge, flow, pod, sink
from mediamesh_testing.rawclient import RawClient

from mediamesh_agent.hub.errors import Refused
from mediamesh_agent.hub.naming import full_name
from mediamesh_protos import plan_pb2

MINE, OTHER = "pods/11", "pods/22"


def connection(name: str, *folders: str) -> plan_pb2.FlowPlan:
    source = plan_pb2.SourcePlan(name="in", queue=4, endpoint=bridge("file"))
    return flow(name, source=source, sinks=[sink(endpoint=pod(*folders))])


def meant(name: str, folder: str, *plans: plan_pb2.FlowPlan) -> str:
    try:
        return full_name(name, folder, plans)
    except Refused as refusal:
        return refusal.reason


STUDIO, FIELD = connection("studio/cam", MINE), connection("field/cam", MINE, OTHER)


@pytest.mark.parametrize(
    ("folder", "plans", "name"),
    [
        (MINE, [STUDIO], "studio/cam"),
        (MINE, [STUDIO, connection("field/cam", OTHER)], "studio/cam"),
        (MINE, [STUDIO, connection("default/cam", OTHER)], "studio/cam"),
        (OTHER, [STUDIO, FIELD], "field/cam"),
        (MINE, [STUDIO, FIELD], "AmbiguousConnection"),
        (MINE, [STUDIO, FIELD, connection("default/cam", MINE)], "default/cam"),
        (OTHER, [STUDIO], "NoSuchConnection"),
        (OTHER, [], "NoSuchConnection"),
        (OTHER, [connection("default/cam", MINE)], "default/cam"),
        ("", [], "default/cam"),
        ("", [STUDIO], "default/cam"),
        ("", [connection("studio/cam", "")], "studio/cam"),
        ("", [connection("studio/cam", ""), connection("field/cam", "")], "default/cam"),
        (MINE, [connection("studio/camera", MINE)], "NoSuchConnection"),
    ],
)
def test_a_bare_name(folder: str, plans: list[plan_pb2.FlowPlan], name: str) -> None:
    assert meant("cam", folder, *plans) == name


def test_a_full_name_is_what_it_says() -> None:
    assert meant("other/cam", MINE, STUDIO) == "other/cam"
    assert meant("", MINE, STUDIO) == "NoSuchConnection"


def test_a_pod_attaches_by_the_bare_name(hub: HubUnderTest) -> None:
    hub.apply(*(flow(one.connection, sinks=one.sinks) for one in (STUDIO, connection("field/cam", OTHER))))
    with RawClient(hub.root, MINE) as client:
        assert client.attach("sink", "cam").connection == "studio/cam"
    with RawClient(hub.root, OTHER) as client:
        assert client.attach("sink", "cam").connection == "field/cam"
    with RawClient(hub.root, OTHER) as client:
        assert client.refusal("sink", "studio/cam").reason == "NotYourEndpoint"
    with RawClient(hub.root, OTHER) as client:
        refusal = client.refusal("sink", "camera")
        assert (refusal.reason, refusal.transient) == ("NoSuchConnection", True)
