"""What the dashboard shows, from top to bottom: how it is, the flows, their sinks, the nodes, the operator.

A panel is a question of somebody who runs a show. `$node` and `$connection` are the dashboard's choices, "All" at
first.
"""

from typing import Final

from mediamesh_core.monitoring.panel import Panel, Query

_FLOW: Final = 'node=~"$node",connection=~"$connection"'
_NODE: Final = 'node=~"$node"'


def _stat(
    title: str, tells: str, expression: str, *, bad: float | None = None, level: bool = False, unit: str = "short"
) -> Panel:
    return Panel(title, tells, (Query(expression),), unit, "stat", 4, bad, level)


def _by(metric: str, *labels: str, where: str, rate: bool = True) -> str:
    series = f"rate({metric}{{{where}}}[$__rate_interval])" if rate else f"{metric}{{{where}}}"
    return f"sum by ({', '.join(labels)}) ({series})"


_OVERVIEW: Final = (
    _stat(
        "Flows with frames",
        "Flows whose source is attached.",
        f'sum(max by (node, connection) (mediamesh_hub_flow_state{{{_FLOW},state="Flowing"}}))',
    ),
    _stat(
        "Flows without a source",
        "Flows that wait, or could not be set up.",
        f'sum(max by (node, connection) (mediamesh_hub_flow_state{{{_FLOW},state!="Flowing"}}))',
        bad=1,
    ),
    _stat(
        "Frames lost now",
        "Frames a second that sinks do not get, since they are too slow.",
        f"sum(rate(mediamesh_hub_frames_dropped_total{{{_FLOW}}}[$__rate_interval]))",
        bad=0.01,
        unit="cps",
    ),
    _stat(
        "Hubs away",
        "Nodes whose hub does not answer.",
        f"count(max by (node) (mediamesh_hub_up{{{_NODE}}}) == 0) or vector(0)",
        bad=1,
    ),
    _stat(
        "Agents apart",
        "Nodes whose agent has no connection to the operator.",
        f"count(max by (node) (mediamesh_agent_operator_connected{{{_NODE}}}) == 0) or vector(0)",
        bad=1,
    ),
    _stat("Leaders", "Operators that lead; exactly one should.", "sum(mediamesh_operator_leader)", bad=1, level=True),
)
_FLOWS: Final = (
    Panel(
        "Frames from sources",
        "Steady, at the payload's rate. A dip is a source that stalls, or that a sink holds back.",
        (
            Query(
                _by("mediamesh_hub_frames_total", "connection", "endpoint", where=f'{_FLOW},direction="in"'),
                "{{connection}} {{endpoint}}",
            ),
        ),
        "cps",
        width=12,
    ),
    Panel(
        "Media moved",
        "Payload of sources; sinks read the same memory.",
        (Query(_by("mediamesh_hub_bytes_total", "connection", where=f'{_FLOW},direction="in"'), "{{connection}}"),),
        "Bps",
        width=12,
    ),
    Panel(
        "State",
        "Flows by state.",
        (
            Query(
                f"sum by (state) (max by (node, connection, state) (mediamesh_hub_flow_state{{{_FLOW}}}))", "{{state}}"
            ),
        ),
    ),
    Panel(
        "Free frames of pools",
        "At 0 the source has to wait for a sink.",
        (
            Query(
                f"min by (connection) (mediamesh_hub_pool_free_frames{{{_FLOW}}}"
                f" / mediamesh_hub_pool_frames{{{_FLOW}}})",
                "{{connection}}",
            ),
        ),
        "percentunit",
    ),
    Panel(
        "Bridge restarts",
        "Bridges that were started again.",
        (
            Query(
                "sum by (connection, endpoint, bridge)"
                f" (increase(mediamesh_bridge_restarts_total{{{_FLOW}}}[$__rate_interval]))",
                "{{connection}} {{endpoint}} {{bridge}}",
            ),
        ),
    ),
)
_SINKS: Final = (
    Panel(
        "Frames lost by sinks",
        "Nothing should be here but sinks that are meant to skip.",
        (
            Query(
                _by("mediamesh_hub_frames_dropped_total", "connection", "endpoint", where=_FLOW),
                "{{connection}} {{endpoint}}",
            ),
        ),
        "cps",
        width=12,
    ),
    Panel(
        "Latency, 99 %",
        "From a source's send to a sink having the frame, by the sink's clock.",
        (
            Query(
                "histogram_quantile(0.99, sum by (le, connection, endpoint)"
                f" (rate(mediamesh_hub_frame_latency_seconds_bucket{{{_FLOW}}}[$__rate_interval])))",
                "{{connection}} {{endpoint}}",
            ),
        ),
        "s",
        width=12,
    ),
    Panel(
        "Queues",
        "How full the fullest queue of a sink is. At 100 % frames are lost, or the source waits.",
        (
            Query(
                f"max by (connection, endpoint) (mediamesh_hub_ring_occupancy_ratio{{{_FLOW}}}"
                ' and on (node, connection, endpoint) mediamesh_hub_frames_total{direction="out"})',
                "{{connection}} {{endpoint}}",
            ),
        ),
        "percentunit",
    ),
    Panel(
        "Attached clients",
        "Applications and bridges, by endpoint.",
        (
            Query(
                f"max by (connection, endpoint) (mediamesh_hub_attachments{{{_FLOW}}})", "{{connection}} {{endpoint}}"
            ),
        ),
    ),
    Panel(
        "Damaged frames, clients that ended badly, clients that came again",
        "Damage is before mediamesh. Reasons of ends are told in the troubleshooting page.",
        (
            Query(
                _by("mediamesh_hub_frames_damaged_total", "connection", "endpoint", where=_FLOW),
                "{{connection}} {{endpoint}} damaged",
            ),
            Query(
                _by("mediamesh_hub_attachments_ended_total", "connection", "endpoint", "reason", where=_FLOW),
                "{{connection}} {{endpoint}} {{reason}}",
            ),
            Query(
                _by("mediamesh_hub_reattached_total", "connection", "endpoint", where=_FLOW),
                "{{connection}} {{endpoint}} again",
            ),
        ),
        "cps",
    ),
)
_NODES: Final = (
    Panel(
        "Memory of frame pools",
        "What is taken, and the most that may be.",
        (
            Query(f"max by (node) (mediamesh_hub_memory_bytes{{{_NODE}}})", "{{node}}"),
            Query(f"max by (node) (mediamesh_hub_memory_limit_bytes{{{_NODE}}})", "{{node}} limit"),
        ),
        "bytes",
        width=12,
    ),
    Panel(
        "Engine",
        "Share of a CPU that the hub's engine takes; 100 % is all that it can.",
        (Query(_by("mediamesh_hub_engine_cpu_seconds_total", "node", where=_NODE), "{{node}}"),),
        "percentunit",
        width=12,
    ),
    Panel(
        "Copied",
        "Bytes that were copied for stock memif peers; nothing else is.",
        (Query(_by("mediamesh_hub_bytes_copied_total", "node", where=_NODE), "{{node}}"),),
        "Bps",
    ),
    Panel(
        "Hubs: hand-overs and fresh starts",
        "A hand-over loses no frame; a fresh start is one discontinuity for every flow of the node.",
        (
            Query(
                f"max by (node) (increase(mediamesh_hub_handovers_total{{{_NODE}}}[$__rate_interval]))",
                "{{node}} handed over",
            ),
            Query(
                f"changes(max by (node) (mediamesh_hub_start_timestamp_seconds{{{_NODE}}})[5m:15s])",
                "{{node}} began anew",
            ),
        ),
    ),
    Panel(
        "Agents' memory",
        "Resident memory of the agent's process.",
        (Query(f"max by (node) (process_resident_memory_bytes{{{_NODE}}})", "{{node}}"),),
        "bytes",
    ),
)
_OPERATOR: Final = (
    Panel(
        "Connections by condition",
        "Connections for which a condition is not true.",
        (
            Query(
                'sum by (condition) (mediamesh_connection_status_condition{status!="True"}) or vector(0)',
                "not {{condition}}",
            ),
        ),
    ),
    Panel(
        "From a change to its plans",
        "99 % of rounds are faster.",
        (
            Query(
                "histogram_quantile(0.99,"
                " sum by (le) (rate(mediamesh_operator_reconcile_duration_seconds_bucket[$__rate_interval])))",
                "99 %",
            ),
        ),
        "s",
    ),
    Panel(
        "Waiting work, agents",
        "Work that waits should come back to 0; agents are as many as nodes.",
        (
            Query("sum(mediamesh_operator_workqueue_depth)", "waiting"),
            Query("sum(mediamesh_operator_agents_connected)", "agents"),
        ),
    ),
    Panel(
        "Plans, reports, writes",
        "At rest there are reports only.",
        (
            Query("sum(rate(mediamesh_operator_plans_sent_total[$__rate_interval]))", "plans sent"),
            Query("sum(rate(mediamesh_operator_reports_total[$__rate_interval]))", "reports"),
            Query(
                "sum by (kind, result) (rate(mediamesh_operator_reconcile_total[$__rate_interval]))",
                "{{kind}} {{result}}",
            ),
        ),
        "cps",
    ),
    Panel(
        "Refused agents",
        "By reason; Superseded and TokenExpired belong to an upgrade.",
        (
            Query(
                "sum by (reason) (increase(mediamesh_operator_refused_total[$__rate_interval]))",
                "{{reason}}",
            ),
        ),
    ),
    Panel(
        "Certificate",
        "Time that is left of what agents are shown.",
        (Query("max(mediamesh_operator_certificate_end_timestamp_seconds) - time()", "left"),),
        "s",
    ),
)
ROWS: Final = {
    "Overview": _OVERVIEW,
    "Flows": _FLOWS,
    "Sinks": _SINKS,
    "Nodes": _NODES,
    "Operator": _OPERATOR,
}
"""By title."""
