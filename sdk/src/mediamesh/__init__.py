"""What an application imports to send and receive frames.

Open the end of a connection by its name and take frames; they are pieces of shared memory, never copies::

    with mediamesh.open_sink("studio/cam1") as sink:
        for frame in sink:
            with frame:
                print(frame.sequence, len(frame))

`mediamesh.aio` has the same names for asyncio. Importing this costs little: NumPy is imported with the first
array, protobuf when something is opened.
"""

from typing import TypeVar, Unpack

from mediamesh.errors import (
    BadOption,
    Closed,
    Detached,
    Error,
    FrameTooSmall,
    HubMisbehaves,
    HubUnreachable,
    Interrupted,
    NumPyMissing,
    Refused,
    RefusedForNow,
    SeveralPlanes,
    Timeout,
    WrongLength,
)
from mediamesh.frames import Flags, ReceivedFrame, SourceFrame, Status
from mediamesh.options import SinkOptions, SourceOptions
from mediamesh.sink import Sink
from mediamesh.source import Source

__all__ = [
    "BadOption",
    "Closed",
    "Detached",
    "Error",
    "Flags",
    "FrameTooSmall",
    "HubMisbehaves",
    "HubUnreachable",
    "Interrupted",
    "NumPyMissing",
    "ReceivedFrame",
    "Refused",
    "RefusedForNow",
    "SeveralPlanes",
    "Sink",
    "Source",
    "SourceFrame",
    "Status",
    "Timeout",
    "WrongLength",
    "open_sink",
    "open_source",
]

End = TypeVar("End", Source, Sink)


def open_source(connection: str, *, timeout: float | None = None, **options: Unpack[SourceOptions]) -> Source:
    """Attach as the source of a connection.

    Parameters
    ----------
    connection
        "namespace/name"; "name" is that of the pod's own namespace, outside of pods "default/name".
    timeout
        Seconds to wait for a hub, and for another source to leave; None waits for ever, 0 not at all.
    options
        See `mediamesh.options.SourceOptions`.

    Raises
    ------
    BadOption
        An option has a value that it cannot have; TypeError if there is no such option.
    Refused, RefusedForNow
        The hub says no; `reason` and `message` say why.
    Timeout
        Its message says what was missing.
    """
    return _opened(Source(connection, **options), timeout)


def open_sink(connection: str, *, timeout: float | None = None, **options: Unpack[SinkOptions]) -> Sink:
    """Attach as a sink of a connection; as `open_source`, with `mediamesh.options.SinkOptions`."""
    return _opened(Sink(connection, **options), timeout)


def _opened(end: End, timeout: float | None) -> End:
    try:
        return end.open(timeout)
    except BaseException:
        end.close()
        raise
