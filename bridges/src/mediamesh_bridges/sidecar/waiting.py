"""Sleeping on a descriptor until something happens to it, or somebody asks to stop."""

from __future__ import annotations

import select
from collections.abc import Iterable

from mediamesh.stopping import Stopping


def await_event(descriptor: int, events: int, stops: Iterable[Stopping], seconds: float | None = None) -> int:
    """Return what happened to the descriptor; 0 if the time is up or a stop was asked for first."""
    poll = select.poll()
    for stop in stops:
        poll.register(stop.fileno(), select.POLLIN)
    poll.register(descriptor, events)
    happened = dict(poll.poll(None if seconds is None else seconds * 1000))
    return happened.get(descriptor, 0)
