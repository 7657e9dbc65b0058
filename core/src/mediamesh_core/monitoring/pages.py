"""The reference pages of metrics and alerts, in Markdown."""

from collections.abc import Iterator
from typing import Final

from mediamesh_core.monitoring.agent import AGENT_METRICS
from mediamesh_core.monitoring.alert import Alert
from mediamesh_core.monitoring.alerts import GROUPS
from mediamesh_core.monitoring.metric import Metric
from mediamesh_core.monitoring.operator import OPERATOR_METRICS

_WRITTEN: Final = "<!-- Written by `python -m mediamesh_core.monitoring`; do not edit. -->"
_METRICS: Final = f"""# Metrics

{_WRITTEN}

In a cluster every agent and every operator serves these at `:8080/metrics`; `mediamesh up` serves those of the agent
at `http://127.0.0.1:8080/metrics` and on its unix socket `agent.sock` in the root folder. The chart brings monitors,
rules and a dashboard: [monitoring](../operations/monitoring.md). The `process_…` metrics are those of
`prometheus_client`, for the process that is scraped.
"""
_AGENT: Final = """
## Agent, hub, bridges

`connection` is `namespace/name`. Counters of endpoints are kept by the agent across restarts of applications, bridges
and the hub, and begin at zero with the agent.
"""
_OPERATOR: Final = """
## Operator

Every replica has them; what only the leader knows is zero or absent in the others.
"""
_ALERTS: Final = f"""# Alerts

{_WRITTEN}

The rules of the chart; [monitoring](../operations/monitoring.md) tells how to have them. Critical: viewers see it now,
or will at the next change. Warning: look at it today. What to do is a click away.
"""


def metrics_page() -> str:
    """Return the page of all metrics."""
    return "\n".join([_METRICS + _AGENT, *_table(AGENT_METRICS), _OPERATOR, *_table(OPERATOR_METRICS), ""])


def alerts_page() -> str:
    """Return the page of all alerts."""
    return "\n".join([_ALERTS, *(line for alerts in GROUPS.values() for alert in alerts for line in _alert(alert))])


def _table(metrics: tuple[Metric, ...]) -> Iterator[str]:
    yield "| metric | type | labels | meaning |"
    yield "| --- | --- | --- | --- |"
    for metric in metrics:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        yield f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |"


def _alert(alert: Alert) -> Iterator[str]:
    yield f"## {alert.name}\n"
    title = alert.symptom.replace("-", " ")
    told = f"[{title}](../operations/troubleshooting.md#{alert.symptom})"
    yield f"{alert.severity.capitalize()}, for {alert.lasts}. What to do: {told}.\n"
    yield f"```text\n{alert.summary}\n{alert.description}\n```\n"
    yield f"```text\n{alert.expression}\n```\n"
