from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediamesh_operator.lease import DURATION, RENEW_WITHIN, Move, Watched, held, move, released, watched

WALL = datetime(2026, 11, 1, 12, 0, 0, 5, tzinfo=UTC)


def lease(holder: str = "other", version: str = "1", duration: int | None = DURATION) -> dict[str, Any]:
    spec = {"holderIdentity": holder, "leaseDurationSeconds": duration, "leaseTransitions": 4, "acquireTime": "then"}
    return {"metadata": {"name": "it", "resourceVersion": version}, "spec": spec}


@pytest.mark.parametrize(
    ("found", "seen", "now", "expected"),
    [
        pytest.param(None, None, 0.0, Move.CREATE, id="there is none"),
        pytest.param(lease(), Watched("1", 0.0), DURATION - 0.1, Move.WAIT, id="somebody has it"),
        pytest.param(lease(), Watched("1", 0.0), DURATION, Move.TAKE, id="somebody had it"),
        pytest.param(lease(""), Watched("1", 0.0), 0.0, Move.TAKE, id="given away"),
        pytest.param(lease("me"), Watched("1", 0.0), 99.0, Move.RENEW, id="mine"),
        pytest.param(lease(duration=None), Watched("1", 0.0), 1.0, Move.WAIT, id="no duration"),
        pytest.param(lease(duration=2), Watched("1", 0.0), 2.0, Move.TAKE, id="a shorter duration"),
        pytest.param({"metadata": {"resourceVersion": "1"}}, Watched("1", 0.0), 0.0, Move.TAKE, id="empty"),
    ],
)
def test_what_a_candidate_does(found: dict[str, Any] | None, seen: Watched | None, now: float, expected: Move) -> None:
    assert move(found, seen, "me", now) is expected


def test_patience_begins_anew_with_every_version() -> None:
    first = watched(None, lease(version="1"), 10.0)
    assert watched(first, lease(version="1"), 20.0) == Watched("1", 10.0)
    assert watched(first, lease(version="2"), 20.0) == Watched("2", 20.0)


def test_a_leader_gives_up_before_anybody_else_may_take_over() -> None:
    assert RENEW_WITHIN < DURATION


def test_taking_counts_a_transition_and_renewing_does_not() -> None:
    taken = held(lease(), "it", "me", WALL)
    assert taken["spec"] == {
        "holderIdentity": "me",
        "leaseDurationSeconds": DURATION,
        "acquireTime": "2026-11-01T12:00:00.000005Z",
        "renewTime": "2026-11-01T12:00:00.000005Z",
        "leaseTransitions": 5,
    }
    kept = held(lease("me"), "it", "me", WALL)
    assert (kept["spec"]["leaseTransitions"], kept["spec"]["acquireTime"]) == (4, "then")


def test_a_write_names_the_version_it_was_made_from() -> None:
    assert held(lease(version="7"), "it", "me", WALL)["metadata"] == {"name": "it", "resourceVersion": "7"}
    assert held(None, "it", "me", WALL)["metadata"] == {"name": "it"}
    assert held(None, "it", "me", WALL)["spec"]["leaseTransitions"] == 0


def test_what_is_given_away_can_be_had_at_once() -> None:
    given = released(lease("me", version="3"), "it", WALL)
    assert given["metadata"]["resourceVersion"] == "3"
    assert move(given, Watched("3", 0.0), "other", 0.0) is Move.TAKE


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.floats(0, 2 * DURATION)), max_size=60))
def test_of_two_candidates_only_one_leads(steps: list[tuple[str, float]]) -> None:
    """Each looks at arbitrary times; whoever leads stops `RENEW_WITHIN` after its last renewal."""
    now, stored, version = 0.0, None, 0
    seen: dict[str, Watched | None] = {"a": None, "b": None}
    renewed: dict[str, float] = {}
    for who, passed in steps:
        now += passed
        renewed = {each: at for each, at in renewed.items() if now < at + RENEW_WITHIN}
        seen[who] = watched(seen[who], stored, now) if stored else None
        if move(stored, seen[who], who, now) is not Move.WAIT:
            version += 1
            stored = held(stored, "it", who, WALL)
            stored["metadata"]["resourceVersion"] = str(version)
            renewed[who] = now
        assert len(renewed) <= 1
