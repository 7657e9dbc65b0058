"""What can be wrong with the demo's material."""

from mediamesh_agent.errors import AgentError
from mediamesh_core.errors import UserError


class ClipMissing(AgentError, UserError):
    """The film is not on this machine."""


class ClipUnsuitable(AgentError, UserError):
    """The film does not have the connection's format."""
