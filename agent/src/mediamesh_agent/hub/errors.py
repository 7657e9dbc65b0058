"""The errors of the hub: every one has the stable CamelCase `reason` that clients, metrics and people see."""

from mediamesh_agent.errors import AgentError


class HubError(AgentError):
    """Root of what the hub refuses or cannot do.

    Parameters
    ----------
    reason
        Stable CamelCase word.
    message
        One sentence for a person: what is wrong and what to do.
    transient
        Trying again later may succeed.
    """

    def __init__(self, reason: str, message: str, *, transient: bool = False) -> None:
        super().__init__(message, reason=reason)
        self.transient = transient


class Refused(HubError):
    """A client's request that the plan, the flow's state or the memory does not allow."""


class AttachmentEnded(HubError):
    """An attachment that cannot go on: what its peer did, or what became of its endpoint."""
