"""The latency histogram that a client keeps and the hub reads.

Buckets are quarter octaves of nanoseconds from 1 µs up: bucket 0 holds all below 1024 ns, the last all that
is longer than 17 s. One client writes, the hub reads; no lock, no rounding of counts.
"""

from collections.abc import Sequence

BUCKETS = 96
_FIRST = 10


def upper_bound(bucket: int) -> int:
    """Return the smallest number of ns that no longer falls into `bucket`."""
    if bucket == 0:
        return 1 << _FIRST
    octave, quarter = divmod(bucket - 1, 4)
    return ((5 + quarter) << (_FIRST + octave)) // 4


def percentile(histogram: Sequence[int], share: float) -> int | None:
    """Return the upper bound (ns) of the bucket that holds the `share` quantile; None if empty."""
    total = sum(histogram)
    if not total:
        return None
    seen = 0
    for bucket, count in enumerate(histogram):
        seen += count
        if seen >= share * total:
            return upper_bound(bucket)
    return upper_bound(BUCKETS - 1)
