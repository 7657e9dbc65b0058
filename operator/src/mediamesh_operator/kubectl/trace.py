"""`trace`: why a connection is not Ready, in plain words, from the first thing that is in its way.

The conditions are met in an order: the operator must have seen the object, found it right, a node must have carried
it out, and only then can frames flow. So the first that is not true is the
reason, and what comes after it says nothing.
"""

from collections.abc import Iterator, Mapping, Sequence

from mediamesh_core.kinds.status import ConnectionStatus
from mediamesh_core.planner import verdicts
from mediamesh_operator.kubectl.reading import Body, first_obstacle, full_name, is_outdated, status_of

ADVICE: Mapping[str, str] = {
    verdicts.NO_TRANSPORT: (
        "Put the pods on one node (nodeSelector, podAffinity); sinks that are there already are served."
    ),
    verdicts.NO_SOURCE: "Look for the pod: its labels, its namespace, whether it is ready.",
    verdicts.NO_POD: "No pod has the labels that the endpoint asks for.",
    verdicts.NO_AGENT: "Look at the node pods: kubectl get pods -A -l app.kubernetes.io/component=node -o wide",
    verdicts.NO_NODE: "The node that the connection names does not exist: kubectl get nodes",
    verdicts.SOURCE_NOT_MOUNTED: "The pod matches but does not mount mediamesh: annotate it mediamesh.io/inject=true.",
    verdicts.SINK_NOT_MOUNTED: "The pods match but do not mount mediamesh: annotate them mediamesh.io/inject=true.",
    "OutOfMemory": "The frame pool does not fit: a smaller queue or picture, fewer sinks, or more memory for the node.",
}
"""What to do, by reason; where it is missing the condition's own message says it."""


def trace(body: Body, media_nodes: Sequence[Body]) -> Iterator[str]:
    """Yield the lines."""
    status = status_of(body)
    yield f"{full_name(body)}: {_verdict(body, status)}"
    yield from (f"  {line}" for line in _reasons(body, status, media_nodes))
    for end in status.endpoints:
        if end.message or end.state not in {"Attached", "Running", verdicts.STANDBY}:
            who = f"pod {end.pod}" if end.pod else end.kind
            yield f"  {end.role} {end.name} ({who}): {end.state}{': ' + end.message if end.message else ''}"
            if end.state in ADVICE:
                yield f"    {ADVICE[end.state]}"


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
        if obstacle.reason in ADVICE:
            yield ADVICE[obstacle.reason]
    if status.node and status.node not in {node["metadata"]["name"] for node in media_nodes}:
        yield f"Node {status.node} has no MediaNode: no agent has ever reported from there."
    if is_outdated(body):
        yield "The operator has not looked at the newest version yet; if that lasts, look at its log."
