"""When a plan that has come is sent to the hub, and what a report says: pure."""

import math
from pathlib import Path

import pytest
from node_operator import NODE, planned

from mediamesh_agent.agent import Facts
from mediamesh_agent.node.facts import memory_facts, node_facts
from mediamesh_agent.node.received import LAG, Received
from mediamesh_agent.node.report import hello, report, state
from mediamesh_protos import agents_pb2, hub_pb2, plan_pb2

PLAN = planned()


def hub(revision: int, digest: str = "") -> hub_pb2.Observed:
    return hub_pb2.Observed(revision=revision, digest=digest)


def applied(revision: int, *, connected: bool) -> Received:
    received = Received(NODE)
    received.take(PLAN)
    received.applied(revision)
    if connected:
        received.connect()
    return received


def test_before_a_plan_has_come_nothing_is_sent() -> None:
    received = Received(NODE)
    assert not received.refresh()
    assert not received.differs(hub(0))
    assert not received.in_force(hub(0))


def test_a_plan_that_has_come_is_sent_with_the_next_revision() -> None:
    received = Received(NODE)
    received.take(PLAN)
    assert (received.refresh(), received.refresh(), received.count) == (True, False, 1)
    assert received.differs(hub(41, "of another"))
    numbered = received.numbered(41)
    assert (numbered.revision, numbered.digest) == (42, PLAN.digest)


def test_a_hub_that_has_it_already_is_not_told() -> None:
    received = Received(NODE)
    received.take(PLAN)
    assert received.in_force(hub(3, PLAN.digest))
    assert not received.differs(hub(3, PLAN.digest))


@pytest.mark.parametrize(
    ("revision", "connected", "sent"),
    [(9, True, True), (5, True, True), (1, True, True), (9, False, False), (5, False, False), (4, False, True)],
)
def test_another_plan_in_the_hub(revision: int, *, connected: bool, sent: bool) -> None:
    """Ours was number 5: with the operator it is put right; without, only a hub that has lost it is told."""
    assert applied(5, connected=connected).differs(hub(revision, "of another")) == sent


def test_a_superseded_agent_wants_nothing() -> None:
    received = applied(5, connected=True)
    received.forget()
    assert not received.differs(hub(0))
    assert received.plan.node == NODE


def test_a_plan_is_known_to_be_current_when_it_comes_and_while_the_operator_listens() -> None:
    now = 1000.0
    received = Received(NODE, clock=lambda: now)
    received.connect()
    assert received.known_at == -math.inf
    now += 2 * LAG
    assert received.known_at == -math.inf, "there is no plan yet"
    received.take(PLAN)
    assert received.known_at == now
    now += 2 * LAG
    assert received.known_at == now - LAG
    received.disconnect()
    received.connect()
    assert received.known_at == now - 2 * LAG
    received.forget()
    assert received.known_at == -math.inf


def test_after_a_restart_it_begins_with_what_the_hub_keeps(tmp_path: Path) -> None:
    kept = plan_pb2.NodePlan()
    kept.CopyFrom(PLAN)
    kept.revision = 5
    (tmp_path / "plan.pb").write_bytes(kept.SerializeToString())
    received = Received(NODE)
    received.keep(tmp_path / "plan.pb")
    assert received.in_force(hub(5, PLAN.digest))
    assert not received.differs(hub(6, "of another"))
    assert received.differs(hub(0))
    assert received.count == 0


@pytest.mark.parametrize("content", [b"\xff" * 9, planned(node="node-b").SerializeToString(), b""])
def test_what_is_no_plan_of_this_node_is_not_begun_with(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "plan.pb").write_bytes(content)
    received = Received(NODE)
    received.keep(tmp_path / "plan.pb")
    received.keep(tmp_path / "missing")
    assert not received.differs(hub(0))


def observed() -> hub_pb2.Observed:
    attachment = hub_pb2.ObservedAttachment(attachment=1, endpoint="out", role="sink", frames=5, latency=[1] * 96)
    flow = hub_pb2.ObservedFlow(connection="default/cam", state="Flowing", frames=9, attachments=[attachment])
    end = hub_pb2.ObservedEnd(connection="default/cam", reason="SlowSink", count=1)
    return hub_pb2.Observed(pid=7, clock=1.0, flows=[flow], ended=[end])


def reported(change: str = "", value: object = None) -> agents_pb2.Report:
    """A report of the hub above, with one thing changed."""
    made = report(Facts(observed=observed()))
    places = {"flow": made.hub.flows[0], "sink": made.hub.flows[0].attachments[0], "end": made.hub.ended[0]}
    place, _, name = change.partition(".")
    if change:
        setattr(places.get(place, made.hub), name, value)
    return made


@pytest.mark.parametrize(
    "counter", ["hub.clock", "hub.memory_bytes", "flow.frames", "flow.pool_free", "sink.received", "end.count"]
)
def test_counters_are_no_change(counter: str) -> None:
    assert state(reported(counter, 1234)) == state(reported())


@pytest.mark.parametrize(
    ("change", "value"),
    [("hub.digest", "x"), ("hub.pid", 8), ("flow.state", "Waiting"), ("sink.client", "x"), ("end.reason", "Left")],
)
def test_all_else_is(change: str, value: object) -> None:
    assert state(reported(change, value)) != state(reported())


def test_a_report_has_problems_and_errors_but_no_histograms() -> None:
    errors = [hub_pb2.FlowError(connection="default/huge", reason="OutOfMemory")]
    made = report(Facts(observed=observed(), errors=errors, problems={"default/huge": "too large"}))
    assert (list(made.errors), made.problem) == (errors, "")
    assert not made.hub.flows[0].attachments[0].latency
    assert report(Facts(problems={"hub": "is silent"})) == agents_pb2.Report(problem="is silent")
    assert report(Facts(problems={"hub": "is silent", "plan": "is wrong"})).problem == "is wrong"


def test_the_first_message_says_who_it_is() -> None:
    facts = node_facts("csi")
    said = hello(NODE, facts).hello
    assert (said.api_version, said.node, said.facts.sockets) == (1, NODE, "csi")
    assert said.version
    assert facts.cpus > 0
    assert facts.memory_bytes > 1 << 20
    assert "file" in facts.bridges


def test_memory_is_read_as_the_kernel_writes_it() -> None:
    text = "MemTotal:       24689764 kB\nHugePages_Free:       12\nHugepagesize:       2048 kB\nOdd:\n"
    assert memory_facts(text) == {"MemTotal": 24689764, "HugePages_Free": 12, "Hugepagesize": 2048}
