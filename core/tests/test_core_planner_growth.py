"""Planning is not interrupted by the garbage collector, and leaves it as it was."""

import gc
from collections.abc import Iterable, Iterator

import pytest

from mediamesh_core.planner import Node, plan
from mediamesh_core.planner.growth import uncollected


class Broken(Exception):
    """What stops a plan in these tests."""


def watched(seen: list[bool]) -> Iterable[Node]:
    """Yield a node, and note whether the collector would run meanwhile."""
    seen.append(gc.isenabled())
    yield Node("n1")


def broken() -> Iterator[Node]:
    """Fail in the midst of planning."""
    yield Node("n1")
    raise Broken


@pytest.fixture
def disabled() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def test_the_collector_does_not_run_while_a_plan_is_made() -> None:
    seen: list[bool] = []
    assert set(plan([], watched(seen)).nodes) == {"n1"}
    assert seen == [False]
    assert gc.isenabled()


def test_the_collector_runs_again_after_a_plan_that_failed() -> None:
    with pytest.raises(Broken):
        plan([], broken())
    assert gc.isenabled()


@pytest.mark.usefixtures("disabled")
def test_a_collector_that_did_not_run_does_not_run_afterwards() -> None:
    plan([], [Node("n1")])
    assert not gc.isenabled()


def test_one_inside_another_does_not_end_it() -> None:
    with uncollected():
        with uncollected():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_what_was_made_meanwhile_is_old_and_still_collected() -> None:
    with uncollected():
        ring: list[object] = []
        ring.append(ring)
    assert any(one is ring for one in gc.get_objects(generation=2))
    assert gc.get_freeze_count() == 0


def test_what_somebody_has_frozen_stays_frozen() -> None:
    gc.freeze()
    try:
        with uncollected():
            pass
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
