"""What the operator says of a connection: the status of `MediaConnection`.

Nobody else writes it, and nobody has to read it to run anything. Conditions are those of Kubernetes
(`metav1.Condition`); the three of a connection are always all there.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, ValidationError

from mediamesh_core.kinds.base import Model, Reason
from mediamesh_core.kinds.schema import list_map

MAX_ENDPOINTS = 1024
"""In one status; what is beyond still runs."""
MAX_MESSAGE = 1024
MAX_COUNT = 2**53
"""The API server compares bounds as floating point: the largest of int64 would be one too many."""

Message = Annotated[str, Field(max_length=MAX_MESSAGE)]
Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
Name = Annotated[str, Field(max_length=253)]


class Written(Model):
    """A part of a status; what another version has written besides is left out."""

    model_config = ConfigDict(extra="ignore")


class Condition(Written):
    """Whether something is so, since when, and why."""

    type: Annotated[str, Field(max_length=64, pattern="^[A-Z][A-Za-z0-9]*$")]
    """What is said."""
    status: Literal["True", "False", "Unknown"]
    """Whether it is so."""
    reason: Reason
    """Why, in one word that never changes."""
    message: Message = ""
    """Why, for people, and what to do."""
    last_transition_time: Annotated[str, Field(max_length=32, json_schema_extra={"format": "date-time"})]
    """Since when it is so, or not."""
    observed_generation: Count = 0
    """Of the spec that it is about."""


class EndpointStatus(Written):
    """An endpoint, or one pod of it."""

    name: Annotated[str, Field(max_length=63)]
    """As the spec has it."""
    pod: Name = ""
    """Name of the pod; empty where there is none."""
    role: Literal["source", "sink"]
    """Whether frames come from it or go to it."""
    kind: Annotated[str, Field(max_length=32, pattern="^[a-z][a-z0-9]*$")]
    """What stands there: pod, memif, file."""
    node: Name = ""
    """Where it is."""
    state: Reason
    """Attached, Waiting, Starting, Running, Backoff, Done; or why it takes no part: Standby, NoTransport, NoPod."""
    message: Message = ""
    """The last thing that went wrong, while it is not attached."""
    frames: Count = 0
    """Sent or received when this status was written; metrics have the number of now."""
    dropped: Count = 0
    """Not delivered to it, since it fell behind."""


class ConnectionStatus(Written):
    """What is, written by the operator."""

    observed_generation: Count = 0
    """Of the spec that this is about."""
    conditions: Annotated[tuple[Condition, ...], list_map("type"), Field(strict=False, max_length=16)] = ()
    """Accepted: it is right. Programmed: the node runs it. Ready: frames flow."""
    node: Name = ""
    """Where the flow is."""
    source: Name = ""
    """The pod that is the source, or what else it is: file, memif."""
    sinks: Annotated[str, Field(max_length=16)] = ""
    """How many of the sinks are attached, "3/4"; each pod counts."""
    rate: Annotated[str, Field(max_length=32)] = ""
    """Frames per second, "59.94/s"."""
    endpoints: Annotated[
        tuple[EndpointStatus, ...], list_map("name", "pod"), Field(strict=False, max_length=MAX_ENDPOINTS)
    ] = ()
    """The source and the sinks, each with all its pods."""

    @classmethod
    def read(cls, written: object) -> Self | None:
        """Return the status that an object has; None if it has none, or one that cannot be understood."""
        try:
            return cls.model_validate(written)
        except ValidationError:
            return None

    def as_object(self) -> dict[str, Any]:
        """Return it as the API server takes it."""
        return self.model_dump(mode="json", by_alias=True)

    def condition(self, kind: str) -> Condition | None:
        """Return the condition of a type."""
        return next((one for one in self.conditions if one.type == kind), None)


class NetworkStatus(Written):
    """What is, written by the operator."""

    observed_generation: Count = 0
    """Of the spec that this is about."""
    conditions: Annotated[tuple[Condition, ...], list_map("type"), Field(strict=False, max_length=16)] = ()
    """Accepted: it is right. Ready: nodes have it."""
