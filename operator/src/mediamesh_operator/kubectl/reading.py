"""The parts of an object that people ask for; an object that the operator has not seen yet has none of them."""

from collections.abc import Mapping
from typing import Any

from mediamesh_core.kinds.status import Condition, ConnectionStatus

Body = Mapping[str, Any]


def full_name(body: Body) -> str:
    """Return "namespace/name"."""
    return f"{body['metadata']['namespace']}/{body['metadata']['name']}"


def status_of(body: Body) -> ConnectionStatus:
    """Return the status, an empty one if there is none."""
    return ConnectionStatus.read(body.get("status")) or ConnectionStatus()


def first_obstacle(status: ConnectionStatus) -> Condition | None:
    """Return the first condition that is not true, in the order in which they are met; None if all are."""
    for kind in ("Accepted", "Programmed", "Ready"):
        condition = status.condition(kind)
        if condition is not None and condition.status != "True":
            return condition
    return None


def is_outdated(body: Body) -> bool:
    """Whether the operator has not looked at the newest spec yet."""
    return status_of(body).observed_generation < int(body["metadata"].get("generation", 0))


def word(body: Body) -> str:
    """Return how it is, in one word: Ready, or the reason why not."""
    status = status_of(body)
    if not status.conditions:
        return "Unseen"
    obstacle = first_obstacle(status)
    return obstacle.reason if obstacle else "Ready"
