"""The dashboard as Grafana reads it (dashboard JSON model, schema version 39: Grafana 10.2 and later)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from mediamesh_core.monitoring.panel import Panel, Query
from mediamesh_core.monitoring.panels import ROWS

UID: Final = "mediamesh"
_SOURCE: Final = {"type": "prometheus", "uid": "$datasource"}
_WHOLE: Final = 24
_HEIGHTS: Final = {"stat": 4, "timeseries": 8}


def dashboard() -> dict[str, Any]:
    """Return the dashboard."""
    return {
        "uid": UID,
        "title": "mediamesh",
        "description": "Live media between pods: flows, sinks, nodes, operator.",
        "tags": ["mediamesh"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "10s",
        "time": {"from": "now-30m", "to": "now"},
        "graphTooltip": 1,
        "templating": {"list": [*_choices()]},
        "panels": [*_panels(ROWS)],
    }


def _choices() -> Iterator[dict[str, Any]]:
    yield {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}
    yield _choice("node", "label_values(mediamesh_hub_up, node)")
    yield _choice("connection", 'label_values(mediamesh_hub_flow_state{node=~"$node"}, connection)')


def _choice(name: str, query: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": name.capitalize(),
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _panels(rows: Mapping[str, Sequence[Panel]]) -> Iterator[dict[str, Any]]:
    """Yield rows and panels, each below or beside the one before it."""
    number, top = 1, 0
    for title, panels in rows.items():
        yield {"id": number, "type": "row", "title": title, "collapsed": False, "panels": [], **_place(0, top, 24, 1)}
        number, top, left, lowest = number + 1, top + 1, 0, 0
        for panel in panels:
            if left + panel.width > _WHOLE:
                left, top, lowest = 0, top + lowest, 0
            yield {"id": number, **_panel(panel), **_place(left, top, panel.width, _HEIGHTS[panel.kind])}
            number, left, lowest = number + 1, left + panel.width, max(lowest, _HEIGHTS[panel.kind])
        top += lowest


def _place(left: int, top: int, width: int, height: int) -> dict[str, Any]:
    return {"gridPos": {"x": left, "y": top, "w": width, "h": height}}


def _panel(panel: Panel) -> dict[str, Any]:
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.tells,
        "datasource": _SOURCE,
        "targets": [_target(query, chr(ord("A") + place)) for place, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": _look(panel), "overrides": []},
        "options": _options(panel),
    }


def _target(query: Query, letter: str) -> dict[str, Any]:
    return {"refId": letter, "datasource": _SOURCE, "expr": query.expression, "legendFormat": query.legend}


def _look(panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.bad is not None:
        below, above = ("red", "green") if panel.level else ("green", "red")
        steps = [{"color": below, "value": None}, {"color": above, "value": panel.bad}]
    drawn = {"fillOpacity": 8, "lineWidth": 1, "showPoints": "never", "spanNulls": False}
    custom = {"custom": drawn} if panel.kind == "timeseries" else {}
    return {"unit": panel.unit, "min": 0, "thresholds": {"mode": "absolute", "steps": steps}, **custom}


def _options(panel: Panel) -> dict[str, Any]:
    if panel.kind == "stat":
        return {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "background", "graphMode": "area"}
    return {
        "legend": {"displayMode": "list", "placement": "bottom"},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
