"""Reasons in the status of connections and nodes: what the operator says."""

from typing import Final

from mediamesh_core.reasons.reason import Chapter, Reason

_LOOK_AT_NODE_PODS: Final = (
    "Look at the node's pod: `kubectl get pods -A -l app.kubernetes.io/component=node -o wide`, and its log."
)
_MOUNT: Final = 'Annotate the pods `mediamesh.io/inject: "true"`, or write volume and mount into them.'
_NO_MEDIA: Final = Reason(
    "NoMedia", "The node has no media folder.", "Name another node in `nodeName`, or give the node its `node.media`."
)
_NO_NODE: Final = Reason(
    "NoNode", "The node that the connection names does not exist.", "Correct `nodeName`: `kubectl get nodes`."
)
_NO_TRANSPORT: Final = Reason(
    "NoTransport",
    "A sink is on another node than the source, and there is no transport between nodes yet. Sinks beside the source"
    " are served.",
    "Put the pods on one node, by `nodeSelector` or `podAffinity`.",
)
_NO_SOURCE: Final = Reason(
    "NoSource",
    "No ready pod matches the source. Sinks stay attached and wait.",
    "Look for the pod: its labels, its namespace, whether it is ready.",
)
_NO_AGENT: Final = Reason(
    "NoAgent", "The node's agent is not connected to the operator. What runs there goes on.", _LOOK_AT_NODE_PODS
)
_NOT_REPORTED: Final = Reason(
    "NotReported", "The node has not said anything about it yet.", "Wait a moment; if it lasts, as for NoAgent."
)

ACCEPTED: Final = Chapter(
    "Condition Accepted",
    "Of a MediaConnection. False: it is wrong, or cannot be beside an older one, and no node runs it.",
    (
        Reason("Accepted", "It is right, and conflicts with no other."),
        Reason(
            "InvalidSpec",
            "The API server has taken it and it is wrong all the same: what it asks for does not exist, or does not fit"
            " together. The message names field, value and fix.",
            "Change the field; `mediamesh validate` says the same before you apply.",
        ),
        Reason("PoolTooSmall", "`pool.frames` is less than source and sinks can hold.", "Raise it, or leave it out."),
        Reason(
            "PoolTooLarge",
            "The pool would be larger than 4 GiB.",
            "Lower queues or `maxAttachments` as the message says.",
        ),
        Reason("FileConflict", "Another sink writes the same file.", "Give one of them another path."),
        Reason(
            "MemifConflict",
            "Another endpoint has the same interface of the same socket, or the socket's other role.",
            "Give one of them another `id` or `socket`.",
        ),
    ),
)
PROGRAMMED: Final = Chapter(
    "Condition Programmed",
    "Of a MediaConnection. True once the node has said that it is done. The reasons of Accepted come first; what the"
    " hub could not set up has the hub's own reason, from the chapter on attachments.",
    (
        Reason("Programmed", "The node runs it."),
        _NOT_REPORTED,
        Reason(
            "Pending", "The node has been told and is at it.", "Wait a moment; if it lasts, look at the agent's log."
        ),
        Reason(
            "PlanNotInForce",
            "The agent or its hub has a problem, so the newest plan is not carried out. The message says which.",
            _LOOK_AT_NODE_PODS,
        ),
        _NO_AGENT,
        _NO_NODE,
        _NO_MEDIA,
        _NO_SOURCE,
        _NO_TRANSPORT,
        Reason("SourceNotMounted", "Pods match the source, and none of them mounts the folder of mediamesh.", _MOUNT),
        Reason("SinkNotMounted", "Pods match a sink, and none of them mounts the folder of mediamesh.", _MOUNT),
        Reason("Failed", "The hub could not set it up and gave no reason.", "Look at the hub's log: container `hub`."),
    ),
)
READY: Final = Chapter(
    "Condition Ready",
    "Of a MediaConnection. True while frames can flow. The reasons of Programmed come first.",
    (
        Reason("Flowing", "The source is attached."),
        Reason(
            "SourceNotAttached",
            "The node is set up, and the source's application has not attached, or has left. The message has the last"
            " thing that went wrong with it.",
            "Look at the application's log: when it is refused it is told the reason.",
        ),
        Reason(
            "SourceDone", "The source, such as a file, has come to its end.", "Nothing, or apply it with `loop: true`."
        ),
    ),
)
ENDPOINTS: Final = Chapter(
    "State of an endpoint",
    "In `status.endpoints` of a MediaConnection, one for each pod of an endpoint.",
    (
        Reason("Attached", "A client is attached."),
        Reason("Waiting", "It may attach, and has not.", "Look at the application's log; the message is its last end."),
        Reason("Unknown", "Its node has not said anything about it yet."),
        Reason("Standby", "It matches the source beside the one that is it, and takes over when that one goes."),
        Reason("NotReady", "The pod matches the source and is not ready.", "Look at its readiness probe."),
        Reason("NotMounted", "The pod matches, and does not mount the folder of mediamesh.", _MOUNT),
        Reason("NoPod", "No pod matches.", "Compare `matchLabels` with the labels of the pods of this namespace."),
        _NO_NODE,
        _NO_AGENT,
        _NO_MEDIA,
        _NO_SOURCE,
        _NO_TRANSPORT,
        Reason("Starting", "The bridge is being started."),
        Reason("Running", "The bridge is at work."),
        Reason("Done", "The bridge has come to its end, as a film does."),
        Reason(
            "Backoff",
            "The bridge ended badly and is started again after a pause.",
            "The message is its last word; the hub's log has the rest.",
        ),
        Reason("Stopping", "The bridge has been asked to end."),
        Reason("Replacing", "The bridge is being replaced by one with other settings."),
    ),
)
NODES: Final = Chapter(
    "Condition Ready of a MediaNode",
    "`kubectl get medianodes`.",
    (
        Reason("Ready", "Its agent is connected, and its hub answers."),
        _NO_AGENT,
        _NOT_REPORTED,
        Reason(
            "NoHub",
            "The agent is connected and its hub does not answer.",
            "It is started again at once; if that lasts, look at the log of container `hub`.",
        ),
    ),
)
