"""The errors of mediamesh: one root, three branches, a stable reason in each.

Who has to act decides the branch: the person who wrote the input
(`UserError`), time (`TransientError`: the same request may succeed later) or
we (`BugError`). `reason` is a CamelCase word that never changes, because it is
used as it is for conditions, metric labels, logs and the SDK's exceptions;
`message` is for a person and says what is wrong and what to do about it.

Every distribution derives its own root from `MediameshError` and its errors
from that root and one of the branches.
"""


class MediameshError(Exception):
    """Root of every error that mediamesh raises on purpose."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message

    def __str__(self) -> str:
        return self.message


class UserError(MediameshError):
    """The input is wrong; trying again without changing it cannot help."""


class TransientError(MediameshError):
    """The input is right but cannot be carried out now; trying again later may succeed."""


class BugError(MediameshError):
    """Mediamesh itself did what it must never do."""
