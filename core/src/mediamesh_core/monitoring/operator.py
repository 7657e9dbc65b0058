"""The metrics of the operator, each defined once.

Every replica exports them. What only the leader knows (agents, conditions) is zero or absent elsewhere.
"""

from typing import Final

from mediamesh_core.monitoring.metric import BUILD_INFO, Metric

LEADER: Final = Metric("mediamesh_operator_leader", "gauge", "1 while this replica leads.")
QUEUE: Final = Metric("mediamesh_operator_workqueue_depth", "gauge", "Keys that wait for being looked at.")
AGENTS: Final = Metric("mediamesh_operator_agents_connected", "gauge", "Agents with an open stream.")
CERTIFICATE: Final = Metric(
    "mediamesh_operator_certificate_end_timestamp_seconds",
    "gauge",
    "When the certificate that agents are shown ends; the leader has it.",
)
CONDITIONS: Final = Metric(
    "mediamesh_connection_status_condition",
    "gauge",
    "1 for the status that a connection's condition has.",
    ("namespace", "name", "condition", "status"),
)
RECONCILE: Final = Metric(
    "mediamesh_operator_reconcile_duration_seconds",
    "histogram",
    "From taking a batch of changes to its plans being handed out.",
)
REFUSED: Final = Metric(
    "mediamesh_operator_refused_total", "counter", "Agents and others that were sent away.", ("reason",)
)
PLANS: Final = Metric("mediamesh_operator_plans_sent_total", "counter", "Node plans sent to agents.")
WRITES: Final = Metric(
    "mediamesh_operator_reconcile_total",
    "counter",
    "Objects that had to be written; result: written, or the reason why not.",
    ("kind", "result"),
)
REPORTS: Final = Metric("mediamesh_operator_reports_total", "counter", "Reports taken from agents.")
OPERATOR_METRICS: Final = (
    BUILD_INFO,
    LEADER,
    QUEUE,
    AGENTS,
    CERTIFICATE,
    CONDITIONS,
    RECONCILE,
    REFUSED,
    PLANS,
    WRITES,
    REPORTS,
)
