"""What a metric is: its name, its kind, its labels, and what it means."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Metric:
    """The definition of one metric."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()

    def series(self) -> Iterator[str]:
        """Yield the names that its samples have."""
        suffixes = ("_bucket", "_count", "_sum") if self.kind == "histogram" else ("",)
        yield from (self.name + suffix for suffix in suffixes)


BUILD_INFO = Metric("mediamesh_build_info", "gauge", "Always 1; what runs here.", ("version", "python"))
"""Every process of ours has it."""
