import hypothesis.strategies as st
import pytest
from hypothesis import given
from mediamesh_testing.plans import bridge, flow, pod, receiving, sending, sink

from mediamesh_agent.folder import AGENT_SOCKET
from mediamesh_agent.hub.difference import Changes, check, difference
from mediamesh_agent.hub.errors import HubError
from mediamesh_agent.hub.root import OWN_NAMES
from mediamesh_core.kinds import rules
from mediamesh_protos import plan_pb2

Plans = dict[str, plan_pb2.FlowPlan]


def plans(*flows: plan_pb2.FlowPlan) -> Plans:
    return {one.connection: one for one in flows}


def source(**changes: object) -> plan_pb2.SourcePlan:
    return plan_pb2.SourcePlan(**{"name": "in", "queue": 4, "endpoint": pod(), **changes})  # type: ignore[arg-type]


CHANGED = ("default/cam",)
ENDED = (("default/cam", "out"),)
CASES = {
    "a new flow": (plans(), plans(flow()), Changes(added=CHANGED)),
    "a flow less": (plans(flow()), plans(), Changes(removed=CHANGED)),
    "the same": (plans(flow()), plans(flow()), Changes()),
    "capacity": (plans(flow()), plans(flow(capacity=1)), Changes(rebuilt=CHANGED)),
    "payload": (plans(flow()), plans(flow(payload="{}")), Changes(rebuilt=CHANGED)),
    "deleted and made again": (plans(flow()), plans(flow(uid="other", sinks=[])), Changes(rebuilt=CHANGED)),
    "a sink less": (plans(flow()), plans(flow(sinks=[])), Changes(ended=ENDED)),
    "a sink more": (plans(flow()), plans(flow(sinks=[sink(), sink("more")])), Changes()),
    "policy": (plans(flow()), plans(flow(sinks=[sink(policy="block")])), Changes(ended=ENDED)),
    "queue": (plans(flow()), plans(flow(sinks=[sink(queue=1)])), Changes(ended=ENDED)),
    "how many": (plans(flow()), plans(flow(sinks=[sink(max_attachments=9)])), Changes()),
    "another pod": (plans(flow()), plans(flow(sinks=[sink(endpoint=pod("pods/a"))])), Changes()),
    "another token": (plans(flow()), plans(flow(sinks=[sink(endpoint=pod(token="t"))])), Changes()),
    "another kind": (plans(flow()), plans(flow(sinks=[sink(endpoint=bridge("file"))])), Changes(ended=ENDED)),
    "source's queue": (plans(flow()), plans(flow(source=source(queue=2))), Changes(ended=(("default/cam", "in"),))),
    "source's name": (plans(flow()), plans(flow(source=source(name="eye"))), Changes(ended=(("default/cam", "in"),))),
    "frames": (plans(flow()), plans(flow(frames=64)), Changes()),
    "huge pages": (plans(flow()), plans(flow(huge_pages=True)), Changes()),
}


@pytest.mark.parametrize(("before", "after", "changes"), CASES.values(), ids=CASES.keys())
def test_a_change_reaches_as_far_as_it_must(before: Plans, after: Plans, changes: Changes) -> None:
    assert difference(before, after) == changes


FLOWS = st.builds(
    flow,
    connection=st.sampled_from(["default/a", "default/b", "studio/a"]),
    capacity=st.sampled_from([1, 2]),
    frames=st.sampled_from([10, 20]),
    sinks=st.lists(st.builds(sink, st.sampled_from("xyz"), queue=st.integers(1, 2)), unique_by=lambda one: one.name),
)
PLANS = st.lists(FLOWS, unique_by=lambda one: one.connection).map(lambda flows: plans(*flows))


@given(PLANS)
def test_nothing_changes_to_itself(plan: Plans) -> None:
    assert difference(plan, plan) == Changes()


@given(PLANS, PLANS)
def test_every_flow_is_in_one_group_at_most(before: Plans, after: Plans) -> None:
    changes = difference(before, after)
    named = [*changes.added, *changes.removed, *changes.rebuilt]
    assert len(set(named)) == len(named)
    assert set(changes.added) == after.keys() - before.keys()
    assert set(changes.removed) == before.keys() - after.keys()
    assert {name for name, _ in changes.ended} <= (before.keys() & after.keys()) - set(changes.rebuilt)


def test_a_sound_plan_passes() -> None:
    check(flow(sinks=[sink(), sink("file", endpoint=bridge("file"))]))


BROKEN = [
    (flow("cam"), "namespace/name"),
    (flow("a/b/c"), "namespace/name"),
    (flow("A/b"), "namespace/name"),
    (flow(capacity=0), "capacity"),
    (flow(capacity=1 << 32), "capacity"),
    (flow(frames=1), "2 frames"),
    (flow(payload="x" * 4000), "attach reply"),
    (flow(source=source(name="")), "without a name"),
    (flow(source=source(queue=0)), "queue"),
    (flow(source=source(queue=1 << 15)), "queue"),
    (flow(sinks=[sink("in")]), "one name"),
    (flow(sinks=[sink(policy="")]), "policy"),
    (flow(sinks=[sink(start="late")]), "start"),
    (flow(sinks=[sink(queue=0)]), "queue"),
    (flow(sinks=[sink(max_attachments=0)]), "no attachment"),
    (flow(sinks=[sink(endpoint=plan_pb2.EndpointPlan())]), "kind"),
    (flow(sinks=[sink(endpoint=bridge(""))]), "without a bridge"),
    (flow(sinks=[sink(endpoint=pod("a/../b"))]), "plain path"),
    *(
        (sending("client", name=name), "no place for the socket")
        for name in (*OWN_NAMES, "", "../m.sock", ".listening")
    ),
    (receiving("server", name="hub.sock"), "no place for the socket"),
]


@pytest.mark.parametrize(("broken", "word"), BROKEN, ids=[str(number) for number in range(len(BROKEN))])
def test_what_could_not_be_carried_out_is_named(broken: plan_pb2.FlowPlan, word: str) -> None:
    with pytest.raises(HubError, match=word):
        check(broken)


def test_names_of_the_hubs_own_are_those_that_the_api_server_refuses() -> None:
    assert {*rules.HUB_FILES} == OWN_NAMES
    assert AGENT_SOCKET in OWN_NAMES
