"""`metadata`: what is ours to read of Kubernetes' ObjectMeta."""

from typing import Annotated

from pydantic import ConfigDict, Field

from mediamesh_core.kinds.base import Label, Model


class Metadata(Model):
    """The part of Kubernetes' ObjectMeta that matters here; the rest of it is left alone."""

    model_config = ConfigDict(extra="ignore")

    name: Label
    """What clients open: 1 to 63 of a-z, 0-9 and '-'; unique in its namespace."""
    namespace: Label = "default"
    """Whose it is; clients write "namespace/name", or the name alone for `default`."""
    uid: str = ""
    """Given by Kubernetes; leave it out."""
    generation: int = 0
    """Counted by Kubernetes at each change; leave it out."""
    creation_timestamp: str = ""
    """Given by Kubernetes; of two connections that cannot be together the older one runs."""
    labels: Annotated[dict[str, str], Field(default_factory=dict)]
    """For people and their tools; nothing here looks at them."""
