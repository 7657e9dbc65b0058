import pytest
from agent_observations import FILM, attachment, histogram, observed, plan

from mediamesh_agent.ledger import Ledger
from mediamesh_agent.picture import LATENCY_WINDOW, FlowPicture, History, Picture, draw, summary
from mediamesh_native.latency import upper_bound
from mediamesh_protos import hub_pb2


def drawn(*observations: hub_pb2.Observed) -> Picture:
    ledger, history = Ledger(), History()
    for each in observations:
        ledger.update(each)
        history.add(each, ledger)
    return draw(plan(), observations[-1], history)


def film(picture: Picture) -> FlowPicture:
    (flow,) = picture.flows
    return flow


def test_without_a_hub_everything_planned_is_shown_as_waiting() -> None:
    picture = draw(plan(), None, History())
    assert picture.hub is None
    assert [(part.endpoint, part.state) for part in film(picture).parts] == [
        ("film", "Waiting"),
        ("checker", "Waiting"),
        ("page", "Waiting"),
    ]


def test_rates_are_taken_over_the_last_second() -> None:
    flow = film(
        drawn(
            observed(attachment(1, "checker", 0), clock=0, frames=0),
            observed(attachment(1, "checker", 500), clock=9, frames=500),
            observed(attachment(1, "checker", 525), clock=10, frames=525),
        )
    )
    assert flow.rate == pytest.approx(25)
    assert flow.megabits == pytest.approx(25 * 1000 * 8 / 1e6)
    checker = flow.sinks[0]
    assert checker.rate == pytest.approx(25)
    assert checker.megabits == pytest.approx(flow.megabits)
    assert checker.state == "Flowing"


def test_a_rate_goes_on_through_a_new_attachment() -> None:
    flow = film(
        drawn(
            observed(attachment(1, "checker", 100), clock=0, frames=100),
            observed(attachment(2, "checker", 20), clock=1, frames=120),
        )
    )
    assert flow.sinks[0].rate == pytest.approx(20)


def test_a_source_that_a_sink_holds_back_says_which() -> None:
    def held(clock: int, *sinks: str) -> hub_pb2.Observed:
        return observed(attachment(1, "film", 5, role="source"), clock=clock, frames=5, held_back_by=sinks)

    source = film(drawn(held(0, "checker"), held(1, "checker", "page"))).source
    assert (source.state, source.detail) == ("HeldBack", "held back by checker")
    assert film(drawn(held(0, "checker"), held(1))).source.state == "Idle"
    assert film(drawn(held(0), held(1, "checker"))).source.state == "Idle"
    assert film(drawn(held(0, "page"), held(1, "checker"), held(2, "checker"))).sinks[0].state == "Waiting"


def test_an_attachment_without_frames_is_idle() -> None:
    still = [observed(attachment(1, "checker", 5), clock=clock, frames=5) for clock in (0, 2)]
    assert film(drawn(*still)).sinks[0].state == "Idle"


@pytest.mark.parametrize("state", ["Starting", "Running", "Backoff", "Stopped"])
def test_a_bridge_that_has_not_attached_shows_its_own_state(state: str) -> None:
    bridge = hub_pb2.ObservedBridge(
        connection=FILM, endpoint="film", bridge="file", pid=9, state=state, restarts=2, last_error="no such file"
    )
    source = film(drawn(observed(bridges=[bridge]))).source
    assert (source.state, source.detail, source.restarts, source.pids) == (state, "no such file", 2, (9,))


def test_latency_is_of_the_last_seconds_only() -> None:
    early = observed(attachment(1, "checker", 10, latency=histogram(b60=10)), clock=0)
    middle = observed(attachment(1, "checker", 10, latency=histogram(b60=10)), clock=3)
    late = observed(attachment(1, "checker", 20, latency=histogram(b60=10, b5=10)), clock=3 + LATENCY_WINDOW)
    latency = film(drawn(early, middle, late)).sinks[0].latency
    assert latency is not None
    assert latency.max == latency.p50 == upper_bound(5)


def test_a_summary_has_the_percentiles_and_the_longest() -> None:
    latency = summary(histogram(b3=98, b10=1, b40=1))
    assert latency is not None
    assert (latency.p50, latency.p99, latency.max) == (upper_bound(3), upper_bound(10), upper_bound(40))
    assert summary(histogram()) is None


def test_several_attachments_are_one_part_with_the_fullest_queue() -> None:
    both = observed(attachment(1, "checker", 5, occupancy=1), attachment(2, "checker", 5, occupancy=4), clock=1)
    checker = film(drawn(both)).sinks[0]
    assert (checker.attachments, checker.occupancy, checker.queue, checker.pids) == (2, 4, 4, (4001, 4002))


def test_history_forgets_what_no_window_needs() -> None:
    history, ledger = History(), Ledger()
    for clock in range(100):
        history.add(observed(clock=clock), ledger)
    assert len(history._moments) <= LATENCY_WINDOW + 2
    assert history.ago(LATENCY_WINDOW).clock == 99 - LATENCY_WINDOW


def test_the_pool_and_the_hub_are_shown_as_observed() -> None:
    picture = drawn(observed(clock=0), observed(clock=2, engine_cpu_seconds=0.5, memory_bytes=123, bytes_copied=7))
    assert picture.hub is not None
    assert picture.hub.cpu == pytest.approx(0.25)
    assert (picture.hub.pid, picture.hub.memory_bytes, picture.hub.bytes_copied) == (77, 123, 7)
    flow = film(picture)
    assert (flow.pool_frames, flow.pool_free, flow.sealed) == (20, 15, True)


def test_parts_are_found_by_name() -> None:
    picture = drawn(observed())
    assert picture.part(FILM, "page") is film(picture).sinks[1]
    assert picture.part(FILM, "nobody") is None
    assert picture.part("other/film", "page") is None
