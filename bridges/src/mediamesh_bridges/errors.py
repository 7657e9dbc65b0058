"""The errors of the bridges: `reason` is the name of the class, `message` one line for a person."""

from mediamesh_core.errors import MediameshError, TransientError, UserError


class BridgeError(MediameshError):
    """Root of all errors of this distribution."""

    def __init__(self, message: str) -> None:
        super().__init__(type(self).__name__, message)

    def __reduce__(self) -> tuple[type["BridgeError"], tuple[str]]:
        return type(self), (self.message,)


class BadSetting(BridgeError, UserError):
    """A setting of the endpoint is missing, unknown or cannot work with the connection's payload."""


class OutsideMediaFolder(BridgeError, UserError):
    """A path would leave the media folder: absolute, with `..`, or through a symbolic link."""


class FileUnusable(BridgeError, UserError):
    """The file to play is missing, not a file, not media, or not what the connection's payload says."""


class FramesNotWhole(BridgeError, UserError):
    """The frames to record are not what the connection's payload says."""


class DiskFull(BridgeError, TransientError):
    """No space (or quota) is left for the recording; what was recorded so far is kept."""


class RecordingFailed(BridgeError, TransientError):
    """The recording cannot be written for another reason than a full disk."""


class BadLine(BridgeError, UserError):
    """A line of a sidecar is not understood; the message has the line and what it may be."""


class NoPipe(BridgeError, UserError):
    """What lies at the path of a named pipe is no pipe, or none can be made there."""


class AddressTaken(BridgeError, UserError):
    """A socket of a sidecar cannot be bound."""


class StreamUnusable(FileUnusable):
    """What a program gives to a sidecar is not media, or not what the connection's payload says."""


class FormatChanged(BridgeError, TransientError):
    """The connection carries something else now; the stream of the old format ends."""


class Silence(BridgeError, TransientError):
    """Nothing came for a while."""
