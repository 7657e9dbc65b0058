"""`top`: live rates, from two looks at the metrics of every node."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from mediamesh_operator.kubectl.client import KubectlFailed

Key = tuple[str, str, str]
"""Connection, endpoint, direction."""
FRAMES = "mediamesh_hub_frames_total"
BYTES = "mediamesh_hub_bytes_total"
DROPPED = "mediamesh_hub_frames_dropped_total"
OCCUPANCY = "mediamesh_hub_ring_occupancy_ratio"


@dataclass(frozen=True, slots=True)
class Look:
    """What one node's metrics said at one moment."""

    time: float
    """Seconds, of any steady clock."""
    samples: Mapping[tuple[str, Key], float]


def look(page: str, time: float) -> Look:
    """Read a metrics page; raises `KubectlFailed` if it is none of ours."""
    try:
        return Look(time, _samples(page))
    except (ValueError, KeyError) as error:
        raise KubectlFailed(f"its metrics cannot be read: {error}") from error


def _samples(page: str) -> Mapping[tuple[str, Key], float]:
    samples: dict[tuple[str, Key], float] = defaultdict(float)
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name in {FRAMES, BYTES, DROPPED, OCCUPANCY}:
                labels = sample.labels
                key = labels["connection"], labels["endpoint"], labels.get("direction", "")
                samples[sample.name, key] += sample.value
    return samples


def rows(node: str, before: Look, after: Look) -> Iterable[tuple[str | float, ...]]:
    """Yield connection, endpoint, direction, node, frames/s, Mbit/s, dropped/s, queue in percent."""
    span = max(after.time - before.time, 1e-9)

    def rate(metric: str, key: Key) -> float:
        return max(after.samples.get((metric, key), 0.0) - before.samples.get((metric, key), 0.0), 0.0) / span

    for connection, endpoint, direction in sorted(key for name, key in after.samples if name == FRAMES):
        key, bare = (connection, endpoint, direction), (connection, endpoint, "")
        yield (
            connection,
            endpoint,
            direction,
            node,
            rate(FRAMES, key),
            rate(BYTES, key) * 8 / 1e6,
            rate(DROPPED, bare),
            100 * after.samples.get((OCCUPANCY, bare), 0.0),
        )
