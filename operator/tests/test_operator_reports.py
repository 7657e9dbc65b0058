import math

from hypothesis import given
from hypothesis import strategies as st

from mediamesh_operator import reports
from mediamesh_operator.reports import MAX_TEXT
from mediamesh_protos import agents_pb2, hub_pb2

OURS = {"studio/cam1"}
DIGEST = "ab" * 32


def report(**hub: object) -> agents_pb2.Report:
    return agents_pb2.Report(hub=hub_pb2.Observed(**hub))  # type: ignore[arg-type]


def test_a_proper_report_is_taken_as_it_is() -> None:
    said = report(
        digest=DIGEST,
        revision=3,
        started=1.5,
        flows=[hub_pb2.ObservedFlow(connection="studio/cam1", state="Flowing", frames=7)],
        bridges=[hub_pb2.ObservedBridge(connection="studio/cam1", state="Backoff", last_error="no such file")],
        ended=[hub_pb2.ObservedEnd(connection="studio/cam1", reason="PeerBroke", message="text", time=5.0)],
    )
    said.errors.add(connection="studio/cam1", reason="NoMemory", message="too big")
    said.problem = "the hub is away"
    assert reports.within(said, OURS) == said


def test_connections_that_are_not_its_nodes_are_left_out() -> None:
    said = report(
        flows=[hub_pb2.ObservedFlow(connection="studio/cam1"), hub_pb2.ObservedFlow(connection="studio/other")],
        bridges=[hub_pb2.ObservedBridge(connection="studio/other")],
        ended=[hub_pb2.ObservedEnd(connection="studio/other")],
    )
    said.errors.add(connection="studio/other")
    checked = reports.within(said, OURS)
    assert [flow.connection for flow in checked.hub.flows] == ["studio/cam1"]
    assert not checked.hub.bridges
    assert not checked.hub.ended
    assert not checked.errors


def test_texts_are_one_printable_line_and_cut() -> None:
    said = report(bridges=[hub_pb2.ObservedBridge(connection="studio/cam1", last_error="a\n\x1b[31m" + "x" * 9999)])
    text = reports.within(said, OURS).hub.bridges[0].last_error
    assert text.startswith("a  [31mxxx")
    assert text.endswith("…")
    assert len(text) == MAX_TEXT


def test_reasons_are_words() -> None:
    said = report(flows=[hub_pb2.ObservedFlow(connection="studio/cam1", reason="not a word", state="")])
    flow = reports.within(said, OURS).hub.flows[0]
    assert (flow.reason, flow.state) == ("Unknown", "")


def test_numbers_are_finite_and_a_digest_is_one() -> None:
    checked = reports.within(report(started=math.inf, clock=math.nan, digest="x" * 64), OURS).hub
    assert (checked.started, checked.clock, checked.digest) == (0.0, 0.0, "")


def test_a_hub_that_does_not_answer_stays_absent() -> None:
    assert not reports.within(agents_pb2.Report(problem="away"), OURS).HasField("hub")


def test_what_an_agent_says_of_itself_is_bounded() -> None:
    facts = agents_pb2.NodeFacts(
        kernel="6\n" + "1" * 9999, bridges=[f"b{number}" for number in range(999)] + ["file"] * 2
    )
    checked = reports.facts(agents_pb2.Hello(version="1\n", facts=facts))
    assert checked.version == "1 "
    assert len(checked.facts.kernel) == MAX_TEXT
    assert len(checked.facts.bridges) == 64


@given(st.binary(max_size=300))
def test_whatever_decodes_can_be_taken(raw: bytes) -> None:
    said = agents_pb2.Report()
    try:
        said.ParseFromString(raw)
    except Exception:  # noqa: BLE001  # garbage is not decoded at all
        return
    checked = reports.within(said, OURS)
    assert all(flow.connection in OURS for flow in checked.hub.flows)
    assert checked.problem.isprintable()
