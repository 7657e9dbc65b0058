"""The errors of the agent: each has a stable CamelCase `reason` and a `message` for a person."""

from mediamesh_core.errors import BugError, MediameshError, TransientError, UserError


class AgentError(MediameshError):
    """Root of all errors of this distribution; the reason is the class's name unless another is given."""

    def __init__(self, message: str, *, reason: str = "") -> None:
        super().__init__(reason or type(self).__name__, message)


class HubUnreachable(AgentError, TransientError):
    """No hub answers on the control socket."""


class HubRefused(AgentError, UserError):
    """The hub refused a request; keeps the hub's reason."""


class HubDidNotStart(AgentError, TransientError):
    """A hub that was started ended, or stayed silent, before it answered."""


class HandoverFailed(AgentError, TransientError):
    """The successor did not take over; the old hub goes on."""


class AgentAlreadyRuns(AgentError, UserError):
    """Another `mediamesh up` runs on this folder."""


class NoAgentRuns(AgentError, UserError):
    """There is neither an agent nor a hub on this folder."""


class PlanInvalid(AgentError, UserError):
    """The files do not make a plan; the message has the file's name in front."""


class PartUnknown(AgentError, UserError):
    """No part of that name is in the plan."""


class PartNotOurs(AgentError, UserError):
    """The part is a process that this agent did not start, so it does not end it."""


class MetricUndefined(AgentError, BugError):
    """A sample was made for a metric that has no definition."""


class PortTaken(AgentError, UserError):
    """The page's port is in use."""
