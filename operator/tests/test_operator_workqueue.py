import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mediamesh_testing.waiting import eventually

from mediamesh_operator.workqueue import CALM, FIRST_RETRY, LONGEST, LONGEST_RETRY, Agenda, WorkQueue


def agenda() -> Agenda[str]:
    return Agenda()


def test_a_burst_is_one_batch_after_a_moment_of_calm() -> None:
    work = agenda()
    for number in range(5):
        work.add(f"key{number % 2}", number * 0.001)
    assert work.due() == pytest.approx(0.004 + CALM)
    assert work.take(0.004 + CALM / 2) == frozenset()
    assert work.take(0.004 + CALM) == {"key0", "key1"}
    assert work.due() is None


def test_a_steady_stream_of_changes_delays_nobody_for_long() -> None:
    work = agenda()
    for number in range(100):
        work.add("key", number * CALM / 2)
    assert work.due() == pytest.approx(LONGEST)


def test_what_failed_comes_back_later_each_time_up_to_a_bound() -> None:
    work = agenda()
    delays = []
    for _ in range(15):
        work.failed("key", 0.0)
        due = work.due()
        assert due is not None
        delays.append(due)
        assert work.take(due) == {"key"}
    assert delays[:3] == [FIRST_RETRY, 2 * FIRST_RETRY, 4 * FIRST_RETRY]
    assert delays[-1] == LONGEST_RETRY
    assert all(before <= after for before, after in itertools.pairwise(delays))


def test_success_is_a_fresh_start() -> None:
    work = agenda()
    for _ in range(5):
        work.failed("key", 0.0)
    work.succeeded("key")
    work.take(LONGEST_RETRY)
    work.failed("key", 0.0)
    assert work.due() == FIRST_RETRY


def test_a_change_is_looked_at_though_the_key_still_waits_after_a_failure() -> None:
    work = agenda()
    for _ in range(10):
        work.failed("key", 0.0)
    work.add("key", 1.0)
    assert work.take(1.0 + CALM) == {"key"}
    assert len(work) == 0


def test_a_look_at_a_certain_time_takes_place_whatever_happens_before() -> None:
    work = agenda()
    work.add_at("key", 9.0)
    work.add("key", 1.0)
    assert work.take(1.0 + CALM) == {"key"}
    assert work.due() == 9.0
    assert work.take(9.0) == {"key"}
    assert len(work) == 0


def test_of_two_times_the_last_counts() -> None:
    work = agenda()
    work.add_at("key", 9.0)
    work.add_at("key", 5.0)
    assert work.due() == 9.0
    assert len(work) == 1


STEPS = st.tuples(st.sampled_from(["add", "later", "failed", "take"]), st.sampled_from("abc"), st.floats(0, 1))


@given(st.lists(STEPS))
def test_no_key_is_lost_and_none_is_invented(steps: list[tuple[str, str, float]]) -> None:
    work, owed, now = agenda(), set[str](), 0.0
    for step, key, passed in steps:
        now += passed
        if step == "take":
            batch = work.take(now)
            assert batch <= owed
            owed -= batch
            continue
        {"add": work.add, "later": work.add_at, "failed": work.failed}[step](key, now)
        owed.add(key)
    assert len(work) == len(owed)
    assert work.take(now + LONGEST_RETRY + LONGEST) == owed


def test_a_worker_sleeps_until_there_is_something() -> None:
    async def scene() -> None:
        queue: WorkQueue[str] = WorkQueue(asyncio.get_running_loop().time)
        waiting = asyncio.create_task(queue.batch())
        await asyncio.sleep(0)
        assert not waiting.done()
        queue.add("one")
        queue.add("two")
        assert len(queue) == 2
        assert await waiting == {"one", "two"}

    asyncio.run(scene())


def test_a_worker_is_woken_for_what_has_become_due_sooner() -> None:
    async def scene() -> None:
        queue: WorkQueue[str] = WorkQueue(asyncio.get_running_loop().time)
        queue.add_later("late", 3600)
        waiting = asyncio.create_task(queue.batch())
        await asyncio.sleep(0)
        queue.failed(["failed"])
        assert await waiting == {"failed"}
        queue.succeeded(["failed"])
        assert len(queue) == 1

    asyncio.run(scene())


def test_with_a_clock_that_stands_still_nothing_is_due() -> None:
    async def scene() -> None:
        now = [0.0]
        queue: WorkQueue[str] = WorkQueue(lambda: now[0])
        queue.add("key")
        waiting = asyncio.create_task(queue.batch())
        await asyncio.sleep(2 * CALM)
        assert not waiting.done()
        now[0] = 1.0
        await eventually(waiting.done)

    asyncio.run(scene())
