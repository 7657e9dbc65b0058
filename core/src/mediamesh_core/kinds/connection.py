"""`MediaConnection`: one source, its sinks, one payload description."""

from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from mediamesh_core.kinds.base import Label, Model, refuse, twice
from mediamesh_core.kinds.endpoints import BridgeEndpoint, FileSink, FileSource, MemifEndpoint, PodEndpoint
from mediamesh_core.kinds.fitting import check_playable, check_recordable
from mediamesh_core.kinds.metadata import Metadata
from mediamesh_core.kinds.payload import Payload
from mediamesh_core.kinds.schema import integer_or_text, list_map
from mediamesh_core.suggestions import shown

API_VERSION = "mediamesh.io/v1alpha1"
MAX_QUEUE = 8192
"""Frames; the rings of memif have at most 16384 descriptors."""
MAX_ATTACHMENTS = 1024
MAX_FRAMES = 1 << 20
DEFAULT_ATTACHMENTS = 4
"""For pod sinks: enough for a rolling update of a few replicas, without asking for much memory."""


class Delivery(Model):
    """What the hub does with a sink that falls behind, and where a late one begins."""

    policy: Literal["dropOldest", "block", "disconnect"] = "dropOldest"
    """dropOldest for live media, block to lose nothing and hold the source back, disconnect to make it attach anew."""
    queue: Annotated[int, Field(ge=1, le=MAX_QUEUE)] = 4
    """Frames one attachment may have at once, waiting or in hand."""
    start: Literal["newest", "next"] = "newest"
    """Whether an attachment begins with the newest frame that there is, or with the next one."""


def _frames(value: object) -> int | None:
    if value is None or value == "auto":
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        refuse(f"{shown(value)} is neither auto nor an integer")
    return value


class Pool(Model):
    """The memory of the flow."""

    frames: Annotated[
        Annotated[int, Field(ge=1, le=MAX_FRAMES)] | None,
        BeforeValidator(_frames),
        integer_or_text(1, MAX_FRAMES, 4, "^auto$"),
    ] = None
    """auto (if left out): as many as the endpoints can hold; a number must be at least that."""
    huge_pages: bool = False
    """Take the memory from the kernel's reserved huge pages."""


class Source(Model):
    """Where the frames come from: exactly one of the choices."""

    choices = ("pod", "memif", "file", "bridge")
    may_be_empty = ("pod",)

    name: Label = "source"
    """Of the endpoint, in logs, metrics and refusals; no sink has the same."""
    pod: PodEndpoint | None = None
    """An application; `pod: {}` is any."""
    memif: MemifEndpoint | None = None
    """A stock memif peer."""
    file: FileSource | None = None
    """A file that is played."""
    bridge: BridgeEndpoint | None = None
    """A bridge that another package brings."""
    queue: Annotated[int, Field(ge=1, le=MAX_QUEUE)] | None = None
    """Frames the source may have in hand; if left out, 4, or as many as make 1 MiB if that is more, at most 256."""
    wait_for_sinks: Annotated[int, Field(ge=0, le=MAX_ATTACHMENTS)] = 0
    """The source gets no frame to fill before so many sinks are attached, so that they miss none of the first."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        self.chosen()
        return self


class Sink(Model):
    """Where the frames go: exactly one of the choices."""

    choices = ("pod", "memif", "file", "bridge")
    may_be_empty = ("pod",)

    name: Label
    """Of the endpoint, in logs, metrics and refusals; unique in the connection."""
    pod: PodEndpoint | None = None
    """Applications; `pod: {}` is any."""
    memif: MemifEndpoint | None = None
    """A stock memif peer."""
    file: FileSink | None = None
    """A recording."""
    bridge: BridgeEndpoint | None = None
    """A bridge that another package brings."""
    delivery: Delivery = Delivery()
    """How frames are queued for it; dropOldest with a queue of 4 if left out."""
    max_attachments: Annotated[int, Field(ge=1, le=MAX_ATTACHMENTS)] | None = None
    """Pods that can be attached at once, each with its own queue; 4 for pod sinks, 1 for others if left out."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if self.chosen() != "pod" and self.max_attachments not in (None, 1):
            refuse(f"{self.max_attachments} is more than 1, all that a {self.chosen()} sink can be", "maxAttachments")
        return self

    @property
    def attachments(self) -> int:
        """How many can be attached at once."""
        return self.max_attachments or (DEFAULT_ATTACHMENTS if self.pod else 1)


class Spec(Model):
    """What is wanted."""

    payload: Payload
    """What a frame holds."""
    source: Source
    """Who makes the frames."""
    sinks: Annotated[tuple[Sink, ...], list_map("name"), Field(strict=False, max_length=256)] = ()
    """Who gets each frame: at most 256, none is allowed."""
    pool: Pool = Pool()
    """How much memory of which kind; can be left out."""

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [self.source.name, *(sink.name for sink in self.sinks)]
        if repeated := twice(names):
            refuse(f"the name {repeated[0]!r} is given to two endpoints; each needs its own", "sinks")
        return self

    @model_validator(mode="after")
    def _files_fit_the_payload(self) -> Self:
        if self.source.file is not None:
            check_playable(self.payload, self.source.file.path)
        for number, sink in enumerate(self.sinks):
            if sink.file is not None:
                check_recordable(self.payload, sink.file.path, sink.file.codec, number)
        return self

    @model_validator(mode="after")
    def _can_stop_waiting(self) -> Self:
        most = sum(sink.attachments for sink in self.sinks)
        if self.source.wait_for_sinks > most:
            text = f"{self.source.wait_for_sinks} sinks can never be attached: all together have room for {most}"
            refuse(text, "source.waitForSinks")
        return self


class MediaConnection(Model):
    """A connection as people write it."""

    api_version: Literal["mediamesh.io/v1alpha1"]
    """The version of this page."""
    kind: Literal["MediaConnection"]
    """What the document is."""
    metadata: Metadata
    """Which connection it is."""
    spec: Spec
    """What is wanted of it."""
    status: Annotated[dict[str, Any], Field(default_factory=dict)]
    """Written by the operator; ignored here."""

    @cached_property
    def full_name(self) -> str:
        """The name by which clients attach: "namespace/name"."""
        return f"{self.metadata.namespace}/{self.metadata.name}"
