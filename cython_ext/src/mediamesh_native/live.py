"""How many objects that wrap memory or descriptors are open in this process.

Tests see the numbers return to where they were; nothing else reads them.
"""

from collections import Counter

_open: Counter[str] = Counter()


def opened(kind: str) -> None:
    """Count one more open object of `kind`."""
    _open[kind] += 1


def closed(kind: str) -> None:
    """Count one open object of `kind` less."""
    _open[kind] -= 1


def live_objects() -> dict[str, int]:
    """Return the numbers of open objects by kind; kinds with none are left out."""
    return {kind: count for kind, count in _open.items() if count}
