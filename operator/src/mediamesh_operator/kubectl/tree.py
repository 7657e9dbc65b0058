"""`tree`: each connection, its endpoints, and where they are."""

from collections.abc import Iterable, Iterator, Sequence

from mediamesh_core.kinds.status import EndpointStatus
from mediamesh_operator.kubectl.reading import Body, full_name, status_of, word

_ARROWS = {"source": "from", "sink": "to"}


def tree(connections: Iterable[Body]) -> Iterator[str]:
    """Yield the lines."""
    for body in sorted(connections, key=full_name):
        yield _title(body)
        yield from _branches(status_of(body).endpoints)


def _title(body: Body) -> str:
    status = status_of(body)
    parts = [full_name(body), word(body)]
    parts += [status.rate] if status.rate else []
    parts += [f"on {status.node}"] if status.node else []
    return "  ".join(parts)


def _branches(ends: Sequence[EndpointStatus]) -> Iterator[str]:
    for number, end in enumerate(ends, 1):
        corner = "└─" if number == len(ends) else "├─"
        who = f"pod {end.pod}" if end.pod else end.kind
        where = f" on {end.node}" if end.node else ""
        trouble = f": {end.message}" if end.message else ""
        yield f"{corner} {_ARROWS[end.role]:<4} {end.name}  {who}{where}  {end.state}{trouble}"
