"""What can be watched, and what is told of it: metrics, alerts and a dashboard, each defined once.

The processes export the metrics that are defined here, and the rules and panels name no others; both are held by
tests. `python -m mediamesh_core.monitoring` writes what others read: the reference pages, and the files of the chart
(rules for Prometheus, a dashboard for Grafana); with `--check` it fails if one is stale.
"""

from mediamesh_core.monitoring.agent import AGENT_METRICS
from mediamesh_core.monitoring.alert import Alert
from mediamesh_core.monitoring.alerts import GROUPS
from mediamesh_core.monitoring.dashboard import dashboard
from mediamesh_core.monitoring.metric import Metric
from mediamesh_core.monitoring.operator import OPERATOR_METRICS
from mediamesh_core.monitoring.rules import rule_file

__all__ = ["AGENT_METRICS", "GROUPS", "OPERATOR_METRICS", "Alert", "Metric", "dashboard", "rule_file"]
