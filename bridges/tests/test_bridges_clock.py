"""The machine's clocks: waiting that can be ended, and the UTC of a frame."""

import time

from mediamesh.stopping import Stopping
from mediamesh_bridges.file.clock import SystemClock, utc_seconds


def test_a_deadline_in_the_past_is_no_wait() -> None:
    stopping = Stopping()
    clock = SystemClock(stopping)
    assert not clock.wait_until(clock.now().monotonic - 1)
    stopping.close()


def test_a_wait_is_never_too_short() -> None:
    stopping = Stopping()
    clock = SystemClock(stopping)
    for milliseconds in (1, 3, 8):
        deadline = clock.now().monotonic + milliseconds * 1_000_000
        assert not clock.wait_until(deadline)
        assert clock.now().monotonic >= deadline
    stopping.close()


def test_a_request_to_stop_ends_any_wait() -> None:
    stopping = Stopping()
    stopping.set()
    assert SystemClock(stopping).wait_until(time.monotonic_ns() + 3600 * 10**9)
    stopping.close()


def test_the_time_of_a_frame_that_is_sent_now_is_now_in_utc() -> None:
    stopping = Stopping()
    before = time.time()
    now = utc_seconds(SystemClock(stopping).now().tai)
    stopping.close()
    assert before - 1 < now < time.time() + 1
