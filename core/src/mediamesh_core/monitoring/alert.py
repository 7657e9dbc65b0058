"""What an alert is, in Prometheus' words."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Alert:
    """One alerting rule.

    `expression` is PromQL; what it leaves of the labels is what `summary` and `description` may name, as
    `{{ $labels.connection }}`. `lasts` is how long it must be so ("0s": at once). `symptom` is the heading of
    docs/operations/troubleshooting.md that tells what to do, as an anchor.
    """

    name: str
    expression: str
    lasts: str
    severity: Literal["critical", "warning", "info"]
    summary: str
    description: str
    symptom: str
