from agent_observations import FILM, attachment, histogram, observed
from hypothesis import given
from hypothesis import strategies as st

from mediamesh_agent.ledger import Counted, EndKey, FlowCounted, Ledger
from mediamesh_protos import hub_pb2

CHECKER = (FILM, "checker")


def seen(*observations: hub_pb2.Observed) -> Ledger:
    ledger = Ledger()
    for each in observations:
        ledger.update(each)
    return ledger


def test_an_endpoint_is_the_sum_of_its_attachments() -> None:
    ledger = seen(
        observed(attachment(1, "checker", 10), attachment(2, "checker", 5, dropped=2), attachment(3, "page", 1))
    )
    counted = ledger.endpoints()[CHECKER]
    assert (counted.frames, counted.received, counted.dropped) == (15, 15, 2)


def test_what_an_attachment_did_stays_when_it_is_gone() -> None:
    ledger = seen(observed(attachment(1, "checker", 10)), observed(), observed(attachment(2, "checker", 3)))
    assert ledger.endpoints()[CHECKER].frames == 13


def test_a_new_hub_that_counts_from_zero_is_added_up() -> None:
    before = observed(attachment(1, "checker", 10), frames=10)
    after = observed(attachment(1, "checker", 2), frames=2)
    ledger = seen(before, after)
    assert ledger.endpoints()[CHECKER].frames == 12
    assert ledger.flows()[FILM] == FlowCounted(12, 12000)


def test_a_number_that_another_endpoint_gets_later_is_another_attachment() -> None:
    ledger = seen(observed(attachment(1, "checker", 10)), observed(attachment(1, "page", 50)))
    assert ledger.endpoints()[CHECKER].frames == 10
    assert ledger.endpoints()[FILM, "page"].frames == 50


def test_histograms_are_added_bucket_by_bucket() -> None:
    first = attachment(1, "checker", 3, latency=histogram(b2=3))
    second = attachment(2, "checker", 4, latency=histogram(b2=1, b5=3))
    total = seen(observed(first), observed(second)).endpoints()[CHECKER]
    assert total.latency == histogram(b2=4, b5=3)


def test_since_is_the_reverse_of_plus() -> None:
    one = Counted(5, 500, 4, 1, 3, 0, histogram(b1=4))
    other = Counted(2, 200, 2, 0, 1, 1, histogram(b1=1, b7=1))
    assert one.plus(other).since(one) == other


def end(reason: str, count: int) -> hub_pb2.ObservedEnd:
    return hub_pb2.ObservedEnd(connection=FILM, endpoint="checker", reason=reason, count=count)


def test_ends_are_counted_by_reason_however_often_they_are_listed() -> None:
    ledger = seen(observed(ended=[end("BadReturn", 1), end("BadReturn", 2), end("PeerSilent", 1)]))
    assert ledger.ends() == {EndKey(FILM, "checker", "BadReturn"): 2, EndKey(FILM, "checker", "PeerSilent"): 1}


def test_an_end_that_fell_off_the_list_is_not_forgotten_and_not_counted_twice() -> None:
    ledger = seen(observed(ended=[end("BadReturn", 3)]), observed(), observed(ended=[end("BadReturn", 4)]))
    assert ledger.ends() == {EndKey(FILM, "checker", "BadReturn"): 4}


def test_ends_of_a_new_hub_are_added() -> None:
    ledger = seen(observed(ended=[end("BadReturn", 3)]), observed(ended=[end("BadReturn", 1)]))
    assert ledger.ends() == {EndKey(FILM, "checker", "BadReturn"): 4}


@given(st.lists(st.dictionaries(st.integers(1, 4), st.integers(0, 50), max_size=4), max_size=12))
def test_totals_never_fall_whatever_comes_and_goes(walk: list[dict[int, int]]) -> None:
    ledger, last = Ledger(), 0
    for moment in walk:
        ledger.update(observed(*(attachment(number, "checker", frames) for number, frames in moment.items())))
        total = ledger.endpoints().get(CHECKER, Counted()).frames
        assert total >= last
        last = total
