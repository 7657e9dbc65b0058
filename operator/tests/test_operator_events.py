import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from mediamesh_testing.waiting import eventually
from operator_bodies import connection

from mediamesh_core.kinds.status import Condition, ConnectionStatus
from mediamesh_operator import objects
from mediamesh_operator.errors import ApiForbidden
from mediamesh_operator.events import AGAIN_AFTER, MOST_WAITING, Recorder, turns

CONNECTION = objects.connection(connection(), None)


def status(**conditions: tuple[str, str]) -> ConnectionStatus:
    """Return a status with these conditions: status and reason by type."""
    made = [
        Condition.model_validate(
            {
                "type": kind,
                "status": said,
                "reason": reason,
                "message": "text",
                "lastTransitionTime": "2026-11-01T00:00:00Z",
            }
        )
        for kind, (said, reason) in conditions.items()
    ]
    return ConnectionStatus(conditions=tuple(made))


FLOWS = status(Accepted=("True", "Accepted"), Programmed=("True", "Programmed"), Ready=("True", "Flowing"))
WAITS = status(Accepted=("True", "Accepted"), Programmed=("True", "Programmed"), Ready=("False", "SourceNotAttached"))
NOWHERE = status(Accepted=("True", "Accepted"), Programmed=("False", "NoSource"), Ready=("False", "NoSource"))
COMING = status(Accepted=("True", "Accepted"), Programmed=("False", "Pending"), Ready=("False", "Pending"))
UNKNOWN = status(Accepted=("True", "Accepted"), Programmed=("Unknown", "NoAgent"), Ready=("Unknown", "NoAgent"))
WRONG = status(Accepted=("False", "InvalidSpec"), Programmed=("False", "InvalidSpec"), Ready=("False", "InvalidSpec"))


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (None, FLOWS, ["Programmed", "Flowing"]),
        (FLOWS, FLOWS, []),
        (None, COMING, []),
        (COMING, FLOWS, ["Programmed", "Flowing"]),
        (FLOWS, WAITS, ["SourceNotAttached"]),
        (None, NOWHERE, ["NoSource"]),
        (NOWHERE, FLOWS, ["Programmed", "Flowing"]),
        (FLOWS, UNKNOWN, []),
        (None, WRONG, ["InvalidSpec"]),
        (WRONG, NOWHERE, ["NoSource"]),
    ],
)
def test_what_is_told_when_a_status_turns(
    before: ConnectionStatus | None, now: ConnectionStatus, told: list[str]
) -> None:
    assert [condition.reason for condition in turns(before, now)] == told


class Desk:
    """Takes events, on a clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 1, 12, 0, 0, tzinfo=UTC)
        self.posted: list[Mapping[str, Any]] = []
        self.refusing = False
        self.refused = 0
        self.recorder = Recorder(self, "operator-0", lambda: self.now)

    async def post(self, namespace: str, body: Mapping[str, Any]) -> None:
        if self.refusing:
            self.refused += 1
            raise ApiForbidden("no events for you")
        assert namespace == "studio"
        self.posted.append(body)


def test_an_event_says_what_the_condition_says() -> None:
    async def scene() -> None:
        desk = Desk()
        running = asyncio.create_task(desk.recorder.run())
        desk.recorder.compare(CONNECTION, FLOWS, WAITS)
        await eventually(lambda: desk.posted)
        (event,) = desk.posted
        assert (event["type"], event["reason"], event["message"]) == ("Warning", "SourceNotAttached", "text")
        assert event["involvedObject"]["uid"] == "uid-cam1"
        assert event["eventTime"] == "2026-11-01T12:00:00.000000Z"
        running.cancel()
        await asyncio.wait([running])

    asyncio.run(scene())


def test_the_same_is_not_told_again_for_a_while() -> None:
    async def scene() -> None:
        desk = Desk()
        running = asyncio.create_task(desk.recorder.run())
        for _ in range(5):
            desk.recorder.compare(CONNECTION, FLOWS, WAITS)
            desk.recorder.compare(CONNECTION, WAITS, FLOWS)
        await eventually(lambda: len(desk.posted) == 2)
        desk.now += AGAIN_AFTER - timedelta(seconds=1)
        desk.recorder.compare(CONNECTION, FLOWS, WAITS)
        desk.now += timedelta(seconds=1)
        desk.recorder.compare(CONNECTION, WAITS, FLOWS)
        await eventually(lambda: len(desk.posted) == 3)
        running.cancel()
        await asyncio.wait([running])

    asyncio.run(scene())


def test_what_cannot_be_posted_is_dropped_and_the_next_is_tried() -> None:
    async def scene() -> None:
        desk = Desk()
        desk.refusing = True
        running = asyncio.create_task(desk.recorder.run())
        desk.recorder.compare(CONNECTION, None, NOWHERE)
        await eventually(lambda: desk.refused == 1)
        desk.refusing = False
        desk.recorder.compare(CONNECTION, NOWHERE, FLOWS)
        await eventually(lambda: len(desk.posted) == 2)
        running.cancel()
        await asyncio.wait([running])

    asyncio.run(scene())


def test_too_many_at_once_are_dropped() -> None:
    async def scene() -> None:
        desk = Desk()
        for number in range(MOST_WAITING + 50):
            desk.recorder.compare(objects.connection(connection(f"cam{number}"), None), FLOWS, WAITS)
        running = asyncio.create_task(desk.recorder.run())
        await eventually(lambda: len(desk.posted) == MOST_WAITING)
        running.cancel()
        await asyncio.wait([running])

    asyncio.run(scene())
