"""The errors of the operator: each has a stable CamelCase `reason` and a `message` for a person."""

from mediamesh_core.errors import BugError, MediameshError, TransientError, UserError


class OperatorError(MediameshError):
    """Root of all errors of this distribution; the reason is the class's name unless another is given."""

    def __init__(self, message: str, *, reason: str = "") -> None:
        super().__init__(reason or type(self).__name__, message)


class ApiUnreachable(OperatorError, TransientError):
    """The API server did not answer, or answered that it cannot now."""


class ApiForbidden(OperatorError, UserError):
    """The operator's role lacks a permission; the message names the request."""


class ApiRefused(OperatorError, BugError):
    """The API server does not take what we sent."""


class ObjectMissing(OperatorError, TransientError):
    """There is no such object, or no such kind, at the moment."""


class ObjectConflict(OperatorError, TransientError):
    """Somebody else changed or made the object first."""


class VersionGone(OperatorError, TransientError):
    """The API server has forgotten the version, or the page of a list, that it was to go on from."""


class LeaseLost(OperatorError, TransientError):
    """Another replica may lead now, so this one has to end."""


class PartEnded(OperatorError, BugError):
    """A part that runs for as long as the operator has ended by itself."""


class OptionsInvalid(OperatorError, UserError):
    """An option or its environment variable has no usable value."""


class AuthorityUnusable(OperatorError, UserError):
    """The Secret of the CA, the ConfigMap of the bundle, or the mounted certificate, cannot be read or made."""


class AgentRefused(OperatorError, UserError):
    """An agent is not who it must be, or says what it must not; the reason tells which."""


class WatchDeaf(OperatorError, TransientError):
    """The watch does not tell of what is there; only a new one can."""


class PortTaken(OperatorError, UserError):
    """A port that we are to serve on is in use, or not ours to have."""
