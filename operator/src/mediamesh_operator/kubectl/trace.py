"""`trace`: why a connection is not Ready, in plain words, from the first thing that is in its way.

The conditions are met in an order: the operator must have seen the object, found it right, a node must have carried
it out, and only then can frames flow. So the first that is not true is the
reason, and what comes after it says nothing.
"""

from collections.abc import Iterator, Sequence

from mediamesh_core import reasons
from mediamesh_core.kinds.status import ConnectionStatus
from mediamesh_core.planner import verdicts
from mediamesh_operator.kubectl.reading import Body, first_obstacle, full_name, is_outdated, status_of


def trace(body: Body, media_nodes: Sequence[Body]) -> Iterator[str]:
    """Yield the lines."""
    status = status_of(body)
    yield f"{full_name(body)}: {_verdict(body, status)}"
    yield from (f"  {line}" for line in _reasons(body, status, media_nodes))
    for end in status.endpoints:
        if end.message or end.state not in {"Attached", "Running", verdicts.STANDBY}:
            who = f"pod {end.pod}" if end.pod else end.kind
            yield f"  {end.role} {end.name} ({who}): {end.state}{': ' + end.message if end.message else ''}"
            if advice := reasons.ENDPOINTS.advice(end.state):
                yield f"    {_plain(advice)}"


def _verdict(body: Body, status: ConnectionStatus) -> str:
    if not status.conditions:
        return "the operator has not looked at it yet"
    if first_obstacle(status) is None:
        return f"Ready, {status.rate or 'no frames yet'}, {status.sinks or 'no'} sinks, on {status.node}"
    return "not Ready" + (" (and the status is about an older version of it)" if is_outdated(body) else "")


def _reasons(body: Body, status: ConnectionStatus, media_nodes: Sequence[Body]) -> Iterator[str]:
    if not status.conditions:
        yield "Is the operator running? kubectl get pods -A -l app.kubernetes.io/component=operator"
        return
    obstacle = first_obstacle(status)
    if obstacle is not None:
        yield f"{obstacle.type} is {obstacle.status} since {obstacle.last_transition_time}: {obstacle.reason}"
        if obstacle.message:
            yield obstacle.message
        if advice := _advice(obstacle.reason):
            yield _plain(advice)
    if status.node and status.node not in {node["metadata"]["name"] for node in media_nodes}:
        yield f"Node {status.node} has no MediaNode: no agent has ever reported from there."
    if is_outdated(body):
        yield "The operator has not looked at the newest version yet; if that lasts, look at its log."


def _advice(reason: str) -> str:
    """Return what to do about the reason of a condition, which may be the hub's own."""
    chapters = (reasons.READY, reasons.PROGRAMMED, reasons.ACCEPTED, reasons.HUB)
    return next((advice for chapter in chapters if (advice := chapter.advice(reason))), "")


def _plain(text: str) -> str:
    """Return Markdown as a terminal shows it."""
    return text.replace("`", "")
