"""Reasons for which somebody is sent away: agents by the operator, applications and stock peers by a hub."""

from typing import Final

from mediamesh_core.reasons.reason import Chapter, Reason

_CLOCKS: Final = "See that the clocks of the node and of the API server agree."
_STRANGER: Final = (
    "No agent of ours does it. Find the peer's address in the operator's log; if it is no pod of yours, let the"
    " NetworkPolicies be enforced."
)
_BUG: Final = "The client has a bug: report it, with its version."

AGENTS: Final = Chapter(
    "Agents that the operator sends away",
    "Label `reason` of `mediamesh_operator_refused_total`, and in the logs of both sides.",
    (
        Reason("Superseded", "A younger pod is the node's agent: an upgrade is under way."),
        Reason("TokenExpired", "The agent's token has ended; it comes back with the next one.", _CLOCKS),
        Reason("TokenMissing", "Somebody connected and showed no token.", _STRANGER),
        Reason("TokenInvalid", "The API server does not accept the token, or it is none.", _STRANGER),
        Reason("WrongAudience", "The token was issued for somebody else, such as the API server.", _STRANGER),
        Reason("NotOurServiceAccount", "The token is another service account's.", _STRANGER),
        Reason("TokenNotBound", "The token is not bound to a pod on a node.", _STRANGER),
        Reason("AgentForAnotherNode", "An agent says that it is another node's than its token.", _STRANGER),
        Reason("Plaintext", "Somebody spoke without TLS.", _STRANGER),
        Reason("Silent", "Somebody connected and said nothing, or too little, for ten seconds.", _STRANGER),
        Reason("TooManyPeers", "Too many connections at once.", _STRANGER),
        Reason("TooManyReports", "Reports came faster than they can be meant.", "Report it, with the agent's log."),
        Reason("Malformed", "A message that is none.", _STRANGER),
        Reason(
            "WrongVersion", "Agent and operator do not speak the same version.", "Finish the upgrade of the other one."
        ),
    ),
)
HUB: Final = Chapter(
    "What a hub cannot do",
    "In the logs of hub and agent, and in `Programmed` where it is one connection that cannot be set up.",
    (
        Reason(
            "OutOfMemory",
            "There is no room for the pool, or for what a stock peer announces beside all pools.",
            "Shorter queues, fewer `maxAttachments`, a smaller picture; or raise `node.memoryLimit` and the container's"
            " memory limit together.",
        ),
        Reason(
            "OutOfResources",
            "The system gave no memory or descriptor for a pool.",
            "Raise the limit that the message names, for example on open files.",
        ),
        Reason("HugePagesShort", "Too few huge pages are reserved.", "Reserve more: `sysctl vm.nr_hugepages`."),
        Reason("PoolTooLarge", "The pool would be larger than a memif region, 4 GiB.", "Shorten queues."),
        Reason("PeerMemory", "A stock peer announces more than 2 GiB.", "Give it fewer or smaller buffers."),
        Reason("BadPlan", "The plan has what cannot be.", "Report it; operator and hub may be of different versions."),
        Reason("BadFolder", "The plan names a folder outside of the root.", "Report it."),
        Reason(
            "RootTaken", "Another hub has the folder.", "Stop it, or set `MEDIAMESH_DIR` or `node.root` to another one."
        ),
        Reason("ForeignRoot", "The folder is another user's.", "Give each user a folder of its own."),
        Reason("NoHub", "There is no hub to take over from."),
        Reason("HandoverVersion", "Old and new hub cannot hand over; the new one begins anew: one discontinuity."),
        Reason("HubStopping", "The hub is going down.", "Clients come back by themselves."),
        Reason("BadRequest", "A request that the hub does not know.", "Use programs of one version."),
        Reason("NoSuchPart", "Nothing runs at the endpoint that was to be restarted.", "See `mediamesh list`."),
    ),
)
ATTACHMENTS: Final = Chapter(
    "Applications that a hub sends away",
    "In the SDK's exception, in the hub's log, and as label `reason` of `mediamesh_hub_attachments_ended_total`. The"
    " SDK comes back by itself from all that can pass.",
    (
        Reason(
            "NoSuchConnection",
            "No plan has that name for this pod on its node.",
            "See `mediamesh list` or `kubectl mediamesh trace`; or open with `wait=True`.",
        ),
        Reason("AmbiguousConnection", "Several connections fit.", "Name it in full: `namespace/name`."),
        Reason("NoSuchEndpoint", "The connection has no endpoint of that name.", "The message lists those it has."),
        Reason("AmbiguousEndpoint", "Several endpoints fit.", "Name one of those that the message lists."),
        Reason("WrongRole", "The endpoint is a source and was opened as a sink, or the reverse.", "Open the other."),
        Reason("BadRole", "Neither source nor sink was asked for.", _BUG),
        Reason(
            "NotYourEndpoint",
            "The plan gives it to another pod or to a bridge.",
            "Compare the pod's labels with the endpoint's `matchLabels`.",
        ),
        Reason("NotYourFolder", "The socket is in another pod's folder.", "Mount the folder of your own pod."),
        Reason("WrongToken", "The endpoint wants its token.", "Give the SDK the `token` of the endpoint."),
        Reason("SourceBusy", "A flow has one source.", "The other one must end first."),
        Reason(
            "TooManyAttachments", "The endpoint has as many clients as it may.", "Raise the sink's `maxAttachments`."
        ),
        Reason(
            "QueueTooLong", "More frames were asked for than the plan gives.", "Ask for less, or raise `queue` there."
        ),
        Reason("PoolShares", "The pool was made for an older plan.", "Ask for a smaller queue, or restart the source."),
        Reason(
            "PoolsInUse", "Old pools are still held by clients that do not give back.", "End those that hold frames."
        ),
        Reason(
            "SlowSink", "A sink with the policy `disconnect` was too slow.", "Make it faster, or choose `dropOldest`."
        ),
        Reason("UnsupportedVersion", "The SDK is of a version that the hub does not speak.", "Upgrade the SDK."),
        Reason("PeerGone", "The client went away without a word: it ended or was killed.", "Look at its log."),
        Reason("PeerSilent", "A client connected and said nothing.", _BUG),
        Reason("HubFailed", "The hub met what it was not made for.", "Report it, with the hub's log."),
        Reason("PushedOut", "Others came before its handshake was done.", "Fewer clients at once."),
        Reason("ControlBacklog", "The client does not read what it is told.", "It hangs: look at it."),
        Reason("HandshakeTooLong", "The handshake took more than it may.", "It hangs: look at it."),
        Reason("EventBlocked", "The client blocked the eventfd by which it is woken.", _BUG),
        Reason("IndexJump", "The client broke the rules of its rings.", _BUG),
        Reason("ForeignBuffer", "The client used a buffer that is not its own.", _BUG),
        Reason("BadLength", "The client told a length beyond its buffer.", _BUG),
        Reason("BadReturn", "The client gave back what it did not have.", _BUG),
        Reason("ClaimJump", "The client claimed more frames than there are.", _BUG),
        Reason("BadChain", "The client chained buffers to what is no frame.", _BUG),
        Reason("BadRegion", "A stock peer's memory cannot be used.", "The message says why."),
        Reason(
            "RegionNotSealed",
            "A stock peer's rings cannot be sealed.",
            "It must make them with `MFD_ALLOW_SEALING`, and not of huge pages.",
        ),
        Reason("RingsLost", "A stock peer's memory could not be mapped by the next hub.", "It may connect anew."),
        Reason("DescriptorSurplus", "A message came with descriptors that it must not have.", _BUG),
        Reason("UnexpectedMessage", "A message came when none was due.", _BUG),
        Reason("NoSharedPool", "A stock peer came before the flow had a pool to map.", "It may come again."),
        Reason("PoolReplaced", "A stock peer has to connect anew, since the source has changed."),
        Reason("PoolChanged", "The pool changed during a handshake.", "It comes again by itself."),
        Reason("PoolResized", "The pool has to be another size, so the source makes a new one."),
        Reason("PoolWithdrawn", "The pool was withdrawn during a handshake.", "It comes again by itself."),
        Reason("FlowRemoved", "The connection is no longer in the plan."),
        Reason("FlowChanged", "The payload has changed."),
        Reason("EndpointChanged", "The endpoint has changed in the plan."),
        Reason("EndpointWithdrawn", "The plan gives the endpoint to this pod no more."),
        Reason("Restarted", "A person asked for a restart."),
        Reason("Withdrawn", "It was interrupted during the handshake."),
        Reason("Finished", "It ended in order, with its last frame delivered."),
    ),
)
