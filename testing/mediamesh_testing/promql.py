"""What the rules and panels ask Prometheus for, taken apart as far as the tests need it.

Syntax is judged by promtool (charts/tests); here only names are found: those of series begin as ours and those of a
process do, and `up` is Prometheus' own.
"""

import re
from collections.abc import Iterator

from mediamesh_core.monitoring import GROUPS
from mediamesh_core.monitoring.panels import ROWS

TARGET = frozenset({"node", "job", "le"})
"""Labels that come with a scrape, or with a histogram."""
_SERIES = re.compile(r"\b((?:mediamesh|process)_\w+|up)\b(?:\{([^}]*)\})?")
_MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
_LISTS = re.compile(r"\b(?:by|on)\s*\(([^)]*)\)")


def expressions() -> Iterator[tuple[str, str]]:
    """Yield every expression, with the name of its alert or panel."""
    for alerts in GROUPS.values():
        yield from ((alert.name, alert.expression) for alert in alerts)
    for panels in ROWS.values():
        queries = ((panel.title, *each) for panel in panels for each in enumerate(panel.queries, 1))
        yield from ((f"{title} ({number})", query.expression) for title, number, query in queries)


def selected(expression: str) -> dict[str, set[str]]:
    """Return the series that an expression names, each with the labels that it is chosen by."""
    found: dict[str, set[str]] = {}
    for name, matchers in _SERIES.findall(expression):
        found.setdefault(name, set()).update(_MATCHER.findall(matchers))
    return found


def grouped(expression: str) -> set[str]:
    """Return the labels that an expression groups or joins by."""
    return {label.strip() for names in _LISTS.findall(expression) for label in names.split(",")}
