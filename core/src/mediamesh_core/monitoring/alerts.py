"""The alerts: what somebody who runs a live show wants to be told, and nothing that heals by itself at once.

Critical is what viewers see, or will see at the next change: frames do not flow, a hub is away, nobody leads. Warning
is what wants a look today. Thresholds are such that a rolling upgrade, a node that is drained and a source that is
exchanged for its standby stay silent.

Series are joined by `node`: the chart's PodMonitor attaches it; of two agents of one node, during an upgrade, the
better one counts. The counters of endpoints are the agents', so a sum over agents counts a frame twice during an
upgrade, which no threshold here minds.
"""

from typing import Final

from mediamesh_core.monitoring.alert import Alert

NODE_JOB: Final = "mediamesh-node"
OPERATOR_JOB: Final = "mediamesh-operator"
"""The jobs as the chart's monitors name them."""

_SOURCES_DONE = (
    'max by (node, connection) (mediamesh_bridge_state{state="Stopped"} == 1'
    " and on (node, connection, endpoint) "
    'max by (node, connection, endpoint) (mediamesh_hub_frames_total{direction="in"}))'
)

MEDIA: Final = (
    Alert(
        name="MediameshSinkLosingFrames",
        expression="sum by (node, connection, endpoint) (rate(mediamesh_hub_frames_dropped_total[1m])) > 0",
        lasts="1m",
        severity="warning",
        summary="Sink {{ $labels.endpoint }} of {{ $labels.connection }} loses frames",
        description=(
            "It loses {{ $value | humanize }} frames a second on node {{ $labels.node }}: it takes longer for a frame"
            " than there is time, and its delivery policy is dropOldest. Nobody else is held up."
        ),
        symptom="a-sink-loses-frames",
    ),
    Alert(
        name="MediameshSinkReceivesDamagedFrames",
        expression="sum by (node, connection, endpoint) (rate(mediamesh_hub_frames_damaged_total[1m])) > 0",
        lasts="1m",
        severity="warning",
        summary="Sink {{ $labels.endpoint }} of {{ $labels.connection }} receives damaged frames",
        description=(
            "{{ $value | humanize }} frames a second come as partial or corrupt: the source says so, so the loss is"
            " before mediamesh."
        ),
        symptom="frames-are-damaged",
    ),
    Alert(
        name="MediameshFlowWithoutFrames",
        expression=(
            'sum by (node, connection) (rate(mediamesh_hub_frames_total{direction="in"}[1m])) == 0'
            " and on (node, connection) "
            'max by (node, connection) (mediamesh_hub_flow_state{state="Flowing"}) == 1'
        ),
        lasts="30s",
        severity="critical",
        summary="{{ $labels.connection }} has a source, and no frames",
        description=(
            "The source is attached on node {{ $labels.node }} and has sent nothing for more than a minute: it hangs,"
            " its input is silent, or a sink with the policy block holds it back."
        ),
        symptom="a-flow-has-no-frames",
    ),
    Alert(
        name="MediameshSourceGone",
        expression=(
            'max by (node, connection) (mediamesh_hub_flow_state{state="Waiting"}) == 1'
            " and on (node, connection) "
            'max by (node, connection) (max_over_time(mediamesh_hub_flow_state{state="Flowing"}[1h])) == 1'
            f" unless on (node, connection) {_SOURCES_DONE}"
        ),
        lasts="30s",
        severity="critical",
        summary="{{ $labels.connection }} has lost its source",
        description=(
            "It flowed on node {{ $labels.node }} within the last hour, its source is gone, and no standby took over."
        ),
        symptom="the-source-is-gone",
    ),
    Alert(
        name="MediameshFlowFailed",
        expression='max by (node, connection) (mediamesh_hub_flow_state{state="Failed"}) == 1',
        lasts="30s",
        severity="critical",
        summary="{{ $labels.connection }} cannot be set up on its node",
        description="The hub of node {{ $labels.node }} cannot make the flow, most often for want of memory.",
        symptom="a-pool-does-not-fit",
    ),
    Alert(
        name="MediameshBridgeRestarting",
        expression="sum by (node, connection, endpoint, bridge) (increase(mediamesh_bridge_restarts_total[10m])) >= 2",
        lasts="0s",
        severity="warning",
        summary="The {{ $labels.bridge }} bridge of {{ $labels.connection }} keeps ending",
        description=(
            "The hub of node {{ $labels.node }} has started endpoint {{ $labels.endpoint }} again"
            " {{ $value | humanize }} times in ten minutes, with growing pauses; each time frames are missing."
        ),
        symptom="a-bridge-keeps-restarting",
    ),
    Alert(
        name="MediameshClientsEndBadly",
        expression=(
            "sum by (node, connection, endpoint, reason) (increase(mediamesh_hub_attachments_ended_total[10m])) > 2"
        ),
        lasts="0s",
        severity="warning",
        summary="Clients of {{ $labels.endpoint }} of {{ $labels.connection }} end with {{ $labels.reason }}",
        description="It happened {{ $value | humanize }} times in ten minutes on node {{ $labels.node }}.",
        symptom="an-application-is-refused",
    ),
)

NODES: Final = (
    Alert(
        name="MediameshHubDown",
        expression="max by (node) (mediamesh_hub_up) == 0",
        lasts="15s",
        severity="critical",
        summary="The hub of node {{ $labels.node }} does not answer",
        description="No frame flows on the node while its hub is away. Clients attach again by themselves.",
        symptom="a-hub-is-away-or-restarts",
    ),
    Alert(
        name="MediameshHubRestarted",
        expression="changes(max by (node) (mediamesh_hub_start_timestamp_seconds)[10m:15s]) > 0",
        lasts="0s",
        severity="warning",
        summary="The hub of node {{ $labels.node }} began anew",
        description=(
            "Fresh starts in ten minutes: {{ $value }}. Each time every flow of the node lost the frames on their way"
            " and flagged one discontinuity; a hand-over would not have."
        ),
        symptom="a-hub-is-away-or-restarts",
    ),
    Alert(
        name="MediameshPoolMemoryNearLimit",
        expression=(
            "max by (node) (mediamesh_hub_memory_bytes) / max by (node) (mediamesh_hub_memory_limit_bytes) > 0.9"
        ),
        lasts="5m",
        severity="warning",
        summary="The frame pools of node {{ $labels.node }} take nearly all that they may",
        description="{{ $value | humanizePercentage }} are taken: the next connection, or a new source, may not fit.",
        symptom="a-pool-does-not-fit",
    ),
    Alert(
        name="MediameshAgentDown",
        expression=f'up{{job="{NODE_JOB}"}} == 0',
        lasts="2m",
        severity="warning",
        summary="The agent of node {{ $labels.node }} does not answer scrapes",
        description="Frames flow on, but nobody sees how, and the node carries out no change.",
        symptom="a-node-agent-is-away",
    ),
    Alert(
        name="MediameshAgentDisconnected",
        expression="max by (node) (mediamesh_agent_operator_connected) == 0",
        lasts="2m",
        severity="warning",
        summary="The agent of node {{ $labels.node }} has no connection to the operator",
        description="What runs there goes on; what is changed meanwhile is not carried out.",
        symptom="a-node-agent-is-away",
    ),
    Alert(
        name="MediameshAgentHasProblems",
        expression="max by (node) (mediamesh_agent_problems) > 0",
        lasts="2m",
        severity="warning",
        summary="The agent of node {{ $labels.node }} reports {{ $value }} problems",
        description="Its plan is not in force, or not whole; its log names them.",
        symptom="a-plan-is-not-carried-out",
    ),
)

CONTROL: Final = (
    Alert(
        name="MediameshNoLeader",
        expression="absent(mediamesh_operator_leader == 1)",
        lasts="1m",
        severity="critical",
        summary="No operator leads",
        description=(
            "No replica says that it leads, or none is scraped. Frames flow on; no change is carried out, no status is"
            " written, and no source is replaced by its standby."
        ),
        symptom="no-operator-leads",
    ),
    Alert(
        name="MediameshConnectionRefused",
        expression=(
            'max by (namespace, name) (mediamesh_connection_status_condition{condition="Accepted",status="False"}) == 1'
        ),
        lasts="1m",
        severity="warning",
        summary="{{ $labels.namespace }}/{{ $labels.name }} is not accepted",
        description="It is wrong, or in conflict with an older connection, and will not run until it is changed.",
        symptom="a-connection-is-not-accepted",
    ),
    Alert(
        name="MediameshPlanNotCarriedOut",
        expression=(
            "max by (namespace, name) "
            '(mediamesh_connection_status_condition{condition="Programmed",status!="True"}) == 1'
            " unless on (namespace, name) "
            'mediamesh_connection_status_condition{condition="Accepted",status="False"} == 1'
        ),
        lasts="2m",
        severity="warning",
        summary="{{ $labels.namespace }}/{{ $labels.name }} is not carried out",
        description="Its node has not done, or cannot do, what the connection asks for.",
        symptom="a-plan-is-not-carried-out",
    ),
    Alert(
        name="MediameshConnectionNotReady",
        expression=(
            'max by (namespace, name) (mediamesh_connection_status_condition{condition="Ready",status!="True"}) == 1'
            " and on (namespace, name) "
            'mediamesh_connection_status_condition{condition="Programmed",status="True"} == 1'
        ),
        lasts="5m",
        severity="warning",
        summary="{{ $labels.namespace }}/{{ $labels.name }} waits for its source",
        description="The node is set up and nobody has attached as the source for five minutes.",
        symptom="the-source-is-gone",
    ),
    Alert(
        name="MediameshCertificateNearEnd",
        expression="max(mediamesh_operator_certificate_end_timestamp_seconds) - time() < 7 * 86400",
        lasts="1h",
        severity="warning",
        summary="The operator's certificate ends in {{ $value | humanizeDuration }}",
        description=(
            "It should have been renewed by now: by the operator at half its life of 30 days, by cert-manager before"
            " that. After its end no agent can connect; what runs goes on."
        ),
        symptom="the-certificate-is-near-its-end",
    ),
    Alert(
        name="MediameshAgentsRefused",
        expression=(
            'sum by (reason) (increase(mediamesh_operator_refused_total{reason!~"Superseded|TokenExpired"}[10m])) > 2'
        ),
        lasts="0s",
        severity="warning",
        summary="The operator sends somebody away: {{ $labels.reason }}",
        description=(
            "It happened {{ $value | humanize }} times in ten minutes. Agents of ours are not refused for this; the"
            " operator's log names the peer."
        ),
        symptom="an-agent-is-refused",
    ),
    Alert(
        name="MediameshWritesFail",
        expression=(
            "sum by (kind, result)"
            ' (rate(mediamesh_operator_reconcile_total{result=~"ApiForbidden|ApiRefused|Bug"}[5m])) > 0'
        ),
        lasts="5m",
        severity="warning",
        summary="The operator cannot write the status of a {{ $labels.kind }}: {{ $labels.result }}",
        description="Plans are carried out all the same; status does not tell the truth. The operator's log has more.",
        symptom="status-is-old",
    ),
)

GROUPS: Final = {"mediamesh-media": MEDIA, "mediamesh-nodes": NODES, "mediamesh-control": CONTROL}
"""By name of the group of rules."""
