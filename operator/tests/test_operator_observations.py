from dataclasses import replace

import pytest

from mediamesh_core.status import Observation, SeenAttachment, SeenBridge
from mediamesh_operator.observations import notable, observations
from mediamesh_protos import agents_pb2, hub_pb2

CAM = "studio/cam1"
DIGEST = "d" * 64


def hub(frames: int = 0, clock: float = 100.0) -> hub_pb2.Observed:
    flow = hub_pb2.ObservedFlow(connection=CAM, state="Flowing", frames=frames)
    flow.attachments.add(endpoint="camera", folder="pods/uid-1", frames=frames)
    flow.attachments.add(endpoint="archive", kind="bridge", frames=frames, dropped=2)
    return hub_pb2.Observed(digest=DIGEST, clock=clock, flows=[flow])


def seen(report: agents_pb2.Report, digest: str = DIGEST, rate: float | None = None) -> Observation:
    return observations(report, [CAM], digest, {} if rate is None else {CAM: rate})[CAM]


def test_what_a_node_says_of_a_connection() -> None:
    said = hub(7)
    said.bridges.add(connection=CAM, endpoint="archive", state="Running")
    said.ended.add(connection=CAM, endpoint="wall", message="gone")
    assert seen(agents_pb2.Report(hub=said), rate=59.9) == Observation(
        in_force=True,
        state="Flowing",
        rate=59.9,
        attachments=(SeenAttachment("camera", "uid-1", 7, 0), SeenAttachment("archive", "", 7, 2)),
        bridges=(SeenBridge("archive", "Running"),),
        ended={"wall": "gone"},
    )


def test_counters_beyond_reason_fit_into_a_status() -> None:
    found = seen(agents_pb2.Report(hub=hub(2**64 - 1)))
    assert sum(each.frames for each in found.attachments) * 4096 < 2**54


def test_another_plan_than_the_newest_is_not_in_force() -> None:
    assert not seen(agents_pb2.Report(hub=hub()), "other").in_force
    assert not seen(agents_pb2.Report(hub=hub_pb2.Observed()), "").in_force


def test_a_flow_that_the_node_does_not_have_has_no_state() -> None:
    found = seen(agents_pb2.Report(hub=hub_pb2.Observed(digest=DIGEST)))
    assert (found.in_force, found.state, found.attachments) == (True, "", ())


def test_a_flow_that_could_not_be_set_up_says_why() -> None:
    report = agents_pb2.Report(hub=hub_pb2.Observed(digest=DIGEST))
    report.errors.add(connection=CAM, reason="NoMemory", message="too big")
    assert (seen(report).reason, seen(report).message) == ("NoMemory", "too big")
    report.errors[0].reason = ""
    assert seen(report).reason == "Failed"


def test_a_hub_that_is_away_is_a_problem_of_all() -> None:
    found = seen(agents_pb2.Report(problem="the hub does not answer"))
    assert (found.in_force, found.problem) == (False, "the hub does not answer")


BASE = seen(agents_pb2.Report(hub=hub(100)), rate=60.0)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"attachments": tuple(replace(each, frames=10**6, dropped=9) for each in BASE.attachments)}, False),
        ({"attachments": BASE.attachments[::-1]}, False),
        ({"rate": 60.5}, False),
        ({"rate": 65.0}, True),
        ({"rate": None}, True),
        ({"attachments": BASE.attachments[:1]}, True),
        ({"state": "Waiting"}, True),
        ({"in_force": False}, True),
        ({"problem": "away"}, True),
        ({"bridges": (SeenBridge("archive", "Backoff", "no"),)}, True),
        ({"ended": {"wall": "gone"}}, True),
    ],
)
def test_what_is_worth_a_look(change: dict[str, object], expected: bool) -> None:
    assert notable(BASE, replace(BASE, **change)) is expected  # type: ignore[arg-type]
