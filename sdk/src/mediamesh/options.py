"""What may be said when a source or a sink is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:
    from pathlib import Path

RoleName = Literal["source", "sink"]
StartName = Literal["newest", "next"]


class Options(TypedDict, total=False):
    """Options of both roles.

    Attributes
    ----------
    endpoint
        Name of the endpoint; needed only where the connection has several that fit.
    token
        Of the endpoint, where the plan gives it one.
    queue
        Frames that may be in hand (or wait) at once; at most as many as the plan says, which is also the default.
    wait
        Also wait for a connection or endpoint that the hub does not know yet, instead of raising `Refused`.
    client
        Shown to people; the program's name unless given.
    root
        The hub's folder; see `mediamesh.folders`.
    """

    endpoint: str
    token: str
    queue: int
    wait: bool
    client: str
    root: str | Path


class SourceOptions(Options, total=False):
    """Options of sources.

    Attributes
    ----------
    wait_for_sinks
        `acquire` gives no frame before so many sinks are attached.
    """

    wait_for_sinks: int


class SinkOptions(Options, total=False):
    """Options of sinks.

    Attributes
    ----------
    start
        Begin with the `newest` frame that the flow has or with the `next` one; by default as the endpoint says.
    """

    start: StartName
