from agent_observations import FILM, attachment, observed

from mediamesh_agent.upgrade import FlowReport, UpgradeReport, report
from mediamesh_protos import hub_pb2


def hub(
    frames: int, given: int, *, dropped: int = 0, number: int = 1, next_sequence: int | None = None
) -> hub_pb2.Observed:
    made = observed(attachment(number, "checker", given, dropped=dropped), frames=frames, clock=frames / 25)
    if next_sequence is not None:
        made.flows[0].next_sequence = next_sequence
    return made


def lost(before: list[hub_pb2.Observed], after: list[hub_pb2.Observed]) -> int:
    return report(before, after, 0.01).lost


def test_frames_that_every_sink_got_are_not_lost() -> None:
    assert lost([hub(100, 90)], [hub(150, 140)]) == 0


def test_a_frame_that_a_sink_was_not_given_is_lost() -> None:
    assert lost([hub(100, 100)], [hub(150, 149)]) == 1


def test_a_gap_in_the_numbers_is_a_loss() -> None:
    assert lost([hub(100, 100)], [hub(150, 150, next_sequence=153)]) == 3


def test_what_policy_dropped_is_not_lost_by_the_hand_over() -> None:
    assert lost([hub(100, 98, dropped=2)], [hub(150, 140, dropped=10)]) == 0


def test_counters_that_were_read_between_two_frames_do_not_look_like_a_loss() -> None:
    hasty = [hub(100, 101), hub(101, 101), hub(102, 102)]
    assert lost(hasty, [hub(150, 150), hub(151, 151)]) == 0


def test_a_sink_that_left_or_came_in_between_says_nothing() -> None:
    assert lost([hub(100, 100, number=1)], [hub(150, 20, number=2)]) == 0


def test_the_report_is_told_in_lines_and_survives_json() -> None:
    told = report([hub(100, 100)], [hub(150, 150)], 0.0123)
    assert told == UpgradeReport(77, 77, 0.0123, (FlowReport(FILM, 100, 150, 0),))
    assert list(told.lines()) == [
        "hub 77 handed over to hub 77 in 12 ms, 0 frames lost",
        "  default/film: 100 frames before, 150 after, 0 lost",
    ]
    assert UpgradeReport.from_json(told.to_json()) == told
    flow = {"connection": FILM, "framesBefore": 100, "framesAfter": 150, "lost": 0}
    assert told.facts() == {"pidBefore": 77, "pidAfter": 77, "seconds": 0.0123, "lost": 0, "flows": [flow]}
