import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediamesh_agent.node.cadence import LONGEST, LOOK_EVERY, Cadence
from mediamesh_core.status import NOTABLE, Rates
from mediamesh_protos import agents_pb2, hub_pb2

START = 1000.0


def report(passed: float, frames: float | None, state: str = "Flowing") -> agents_pb2.Report:
    """Return what is after so many seconds, with so many frames; None: without a flow."""
    hub = hub_pb2.Observed(clock=START + passed)
    if frames is not None:
        hub.flows.add(connection="studio/cam", state=state, frames=int(frames))
    return agents_pb2.Report(hub=hub)


def told(*reports: agents_pb2.Report) -> Cadence:
    """Return what is after these were sent, each at the time that it is of."""
    cadence = Cadence()
    for each in reports:
        cadence.sent(each, each.hub.clock)
    return cadence


def due(cadence: Cadence, made: agents_pb2.Report) -> bool:
    return cadence.due(made, made.hub.clock)


STEADY = told(report(0, 0), report(5, 300))
"""60 frames a second, as the operator knows."""


def test_the_first_report_is_due_at_once() -> None:
    assert due(Cadence(), report(0, None))
    assert due(Cadence(), report(0, 0))


def test_a_flow_without_a_rate_is_told_of_again_at_the_next_look() -> None:
    assert due(told(report(0, 0)), report(LOOK_EVERY, 300))
    assert due(told(report(0, None), report(5, 0)), report(10, 300))


@pytest.mark.parametrize("frames", [600, 602, 598, 605])
def test_a_flow_that_goes_on_as_before_is_not(frames: int) -> None:
    assert not due(STEADY, report(10, frames))


@pytest.mark.parametrize("frames", [300, 450, 580, 620, 900])
def test_another_rate_is_told_at_the_next_look(frames: int) -> None:
    assert due(STEADY, report(10, frames))


def test_counters_that_began_anew_are_told_of() -> None:
    assert due(STEADY, report(10, 5))


def test_a_flow_that_has_stood_still_may_go_on_so() -> None:
    waiting = told(report(0, 0, "Waiting"), report(5, 0, "Waiting"))
    assert not due(waiting, report(10, 0, "Waiting"))


def test_a_change_of_state_is_due_at_once() -> None:
    assert due(STEADY, report(5.1, 305, "Waiting"))
    assert due(STEADY, report(5.1, None))


def test_now_and_then_all_is_told() -> None:
    assert not due(STEADY, report(5 + LONGEST - 0.1, 60 * (5 + LONGEST - 0.1)))
    assert due(STEADY, report(5 + LONGEST, 60 * (5 + LONGEST)))
    assert due(told(agents_pb2.Report(problem="no hub")), agents_pb2.Report(problem="another"))
    silent = Cadence()
    silent.sent(agents_pb2.Report(problem="no hub"), 0.0)
    assert not silent.due(agents_pb2.Report(problem="no hub"), LOOK_EVERY)
    assert silent.due(agents_pb2.Report(problem="no hub"), LONGEST)


@given(st.lists(st.integers(0, 2000), min_size=1, max_size=30), st.integers(0, 2000))
def test_whatever_a_flow_does_its_rate_is_known_soon_after_it_is_steady(before: list[int], rate: int) -> None:
    """The operator's rate is at most two looks behind, and as near as it looks at; not asked for at every look."""
    cadence, operator, frames = Cadence(), Rates(), 0
    for number, each in enumerate([*before, *[rate] * 4]):
        made = report(number * LOOK_EVERY, frames)
        if due(cadence, made):
            cadence.sent(made, made.hub.clock)
            operator.update(made.hub.clock, {"studio/cam": frames})
        frames += int(each * LOOK_EVERY)
    assert operator.rates["studio/cam"] == pytest.approx(rate, rel=NOTABLE, abs=2 / LOOK_EVERY)
