"""The errors of the test cluster: each has a stable CamelCase `reason` and a `message` for a person."""

from mediamesh_core.errors import MediameshError, TransientError, UserError


class E2eError(MediameshError):
    """Root of all errors of this distribution; the reason is the class's name."""

    def __init__(self, message: str) -> None:
        super().__init__(type(self).__name__, message)


class MachineUnfit(E2eError, UserError):
    """The machine cannot run the cluster: not root, a tool is missing, addresses are taken."""


class BuildFailed(E2eError, TransientError):
    """Something that the cluster is made of could not be built or fetched."""


class ProgramFailed(E2eError, TransientError):
    """A program that was run to its end did not end well; the message has what it said."""


class StartFailed(E2eError, TransientError):
    """A part of the cluster ended or stayed silent instead of becoming ready; the message names its log."""
