"""The alerts as a file of rules, as Prometheus reads it.

Runbooks are links to the page that the chart's value `monitoring.prometheusRule.runbook` names; here it is `RUNBOOK`.
"""

from typing import Any, Final

from mediamesh_core.monitoring.alert import Alert
from mediamesh_core.monitoring.alerts import GROUPS

RUNBOOK: Final = "docs/operations/troubleshooting.md"


def rule_file() -> dict[str, Any]:
    """Return what the file says."""
    return {"groups": [{"name": name, "rules": [_rule(one) for one in alerts]} for name, alerts in GROUPS.items()]}


def _rule(alert: Alert) -> dict[str, Any]:
    return {
        "alert": alert.name,
        "expr": alert.expression,
        "for": alert.lasts,
        "labels": {"severity": alert.severity},
        "annotations": {
            "summary": alert.summary,
            "description": alert.description,
            "runbook_url": f"{RUNBOOK}#{alert.symptom}",
        },
    }
