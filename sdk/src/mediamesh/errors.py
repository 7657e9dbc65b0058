"""The errors of the SDK: each has a stable CamelCase `reason` and a `message` for a person.

Branches say what to do: a `UserError` is fixed by whoever called or configured, a `TransientError` goes away
by itself or by trying again. A hub's refusal keeps the hub's reason.
"""

from __future__ import annotations

from mediamesh_core.errors import BugError, MediameshError, TransientError, UserError


class Error(MediameshError):
    """Root of all errors of this distribution; the reason is the name of the class unless the hub gave one."""

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(reason or type(self).__name__, message)

    def __reduce__(self) -> tuple[type[Error], tuple[str, str]]:
        return type(self), (self.message, self.reason)


class BadOption(Error, UserError, ValueError):
    """An option of a source or sink has a value that it cannot have; names option, value and what it may be."""


class Refused(Error, UserError):
    """The hub refuses this attachment and trying again will not help."""


class RefusedForNow(Error, TransientError):
    """The hub refuses this attachment at the moment; `open` tries again until its timeout."""


class HubUnreachable(Error, TransientError):
    """No hub answers at the socket."""


class HubRefused(Error, UserError):
    """The hub does not do what its control socket was asked for."""


class HubMisbehaves(Error, BugError):
    """The hub said what the protocol does not allow: versions do not fit, or one of us has a bug."""


class Timeout(Error, TransientError, TimeoutError):
    """The time given to a call is up. Nothing was lost; call again."""


class Interrupted(Error, TransientError):
    """`interrupt` ended the wait."""


class Detached(Error, TransientError):
    """The hub that lent this frame is gone, and the frame with it; the next `acquire` reattaches."""


class Closed(Error, UserError):
    """The source or sink was closed."""


class FrameTooSmall(Error, UserError):
    """The data is longer than the frame's capacity."""


class WrongLength(Error, UserError):
    """A payload does not have the length that its format needs for this view."""


class SeveralPlanes(Error, UserError):
    """One array was asked for where the format has several planes."""


class NumPyMissing(Error, UserError):
    """Arrays need NumPy."""


class UnknownBridge(Error, UserError):
    """No installed distribution registers a bridge of that name."""


class BadInstruction(Error, UserError):
    """`MEDIAMESH_BRIDGE` is absent or wrong, or asks for what the bridge cannot do."""


class BridgeAlreadyRuns(Error, TransientError):
    """Another process holds the lock of this endpoint's bridge."""


class UnsuitableFile(Error, UserError):
    """A file cannot hold, or does not hold, what the connection carries."""
