"""How many frames a pool has, and what is said where they would not fit."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediamesh_core.errors import UserError
from mediamesh_core.kinds import MediaConnection
from mediamesh_core.planner.poolsizes import HUGE_PAGE, MAX_POOL, check_pool, frame_stride, source_queue


def connection(*sinks: dict[str, Any], **spec: Any) -> MediaConnection:
    return MediaConnection.model_validate(
        {
            "apiVersion": "mediamesh.io/v1alpha1",
            "kind": "MediaConnection",
            "metadata": {"name": "cam1"},
            "spec": {
                "payload": {"blob": {"maxSize": 1}},
                "source": {"pod": {}},
                "sinks": [{"name": f"sink{number}", "pod": {}} | sink for number, sink in enumerate(sinks)],
            }
            | spec,
        }
    )


@pytest.mark.parametrize(
    ("capacity", "stride"), [(1, 8192), (4096, 8192), (4097, 12288), (8_294_400, 4096 + 8_294_400)]
)
def test_frame_is_a_header_page_and_whole_pages(capacity: int, stride: int) -> None:
    assert frame_stride(capacity) == stride


@pytest.mark.parametrize(("capacity", "queue"), [(1, 128), (4096, 128), (65536, 15), (258_048, 4), (33_177_600, 4)])
def test_sources_of_small_frames_have_more_in_hand(capacity: int, queue: int) -> None:
    assert source_queue(capacity) == queue


def test_pool_is_the_newest_the_source_and_the_sinks() -> None:
    wanted = connection({"maxAttachments": 2}, {"delivery": {"queue": 10}, "maxAttachments": 1})
    assert check_pool(wanted, 1, 4) == 1 + 4 + 2 * 4 + 10
    assert check_pool(connection(), 1, 4) == 5


def test_larger_pools_are_given_as_asked() -> None:
    assert check_pool(connection(pool={"frames": 100}), 1, 4) == 100


def test_smaller_pools_are_refused_with_the_least() -> None:
    with pytest.raises(UserError) as caught:
        check_pool(connection({}, pool={"frames": 20}), 1, 4)
    assert caught.value.reason == "PoolTooSmall"
    assert caught.value.message == (
        "default/cam1: spec.pool.frames: 20 is less than 1 (newest) + 4 (source) + 4 x 4 (sink0) = 21; "
        "raise it to 21 or leave it out, or lower the queue or maxAttachments of a sink"
    )


@pytest.mark.parametrize(
    ("wanted", "queue", "fix"),
    [
        (connection({"maxAttachments": 4}, {"maxAttachments": 40}), 4, "lower maxAttachments of sink sink1 first"),
        (connection({"delivery": {"queue": 200}, "maxAttachments": 1}), 4, "lower delivery.queue of sink sink0 first"),
        (connection({"maxAttachments": 1}), 200, "lower spec.source.queue"),
        (connection(pool={"frames": 200}), 4, "lower it to 127 or leave it out"),
    ],
)
def test_pools_beyond_4_gib_are_refused_with_what_to_lower(wanted: MediaConnection, queue: int, fix: str) -> None:
    with pytest.raises(UserError) as caught:
        check_pool(wanted, 33_177_600, queue)
    assert caught.value.reason == "PoolTooLarge"
    assert caught.value.message.endswith(fix)
    assert " GiB, a pool has less than 4" in caught.value.message


def test_advised_pool_fits() -> None:
    assert check_pool(connection(pool={"frames": 127}), 33_177_600, 4) == 127


@given(st.integers(1, 1 << 30), st.integers(5, 1 << 20), st.booleans())
def test_every_offset_in_a_pool_has_32_bits(capacity: int, frames: int, huge: bool) -> None:
    wanted = connection(pool={"frames": frames, "hugePages": huge})
    stride, unit = frame_stride(capacity), HUGE_PAGE if huge else 4096
    size = -(-stride * frames // unit) * unit
    try:
        assert check_pool(wanted, capacity, 4) == frames
        assert size + stride <= MAX_POOL
    except UserError as error:
        assert error.reason == "PoolTooLarge"  # noqa: PT017
        assert size + stride > MAX_POOL
