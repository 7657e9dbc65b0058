"""What can go wrong with a memif peer: one root, and a stable CamelCase `reason` on every error.

A `ProtocolViolation` is always the peer's fault and ends that one attachment. A mistake of our own
(a region that does not exist, a message out of turn) is a `ValueError` or `RuntimeError` and a bug.
"""


class MemifError(Exception):
    """Root of the memif errors.

    Parameters
    ----------
    reason
        Stable CamelCase word: the metric label and the state people see.
    message
        One sentence for people.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message

    def __str__(self) -> str:
        return f"{self.message} ({self.reason})"


class ProtocolViolation(MemifError):
    """The peer did what memif or our limits do not allow; `message` goes out in the DISCONNECT."""


class DescriptorRefused(MemifError):
    """A file descriptor of a peer is not what it was announced to be."""


class SocketRefused(MemifError):
    """A peer's socket cannot be reached safely, or not at all."""
