"""What a panel of the dashboard is."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel, and how its series are called."""

    expression: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel; `width` is in twenty-fourths of the page, `unit` one of Grafana's, `bad` is where a number turns red.

    `level` says that the number must not be below `bad`, instead of not be at or above it.
    """

    title: str
    tells: str
    queries: tuple[Query, ...]
    unit: str = "short"
    kind: Literal["timeseries", "stat"] = "timeseries"
    width: int = 8
    bad: float | None = None
    level: bool = False
