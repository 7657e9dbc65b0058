"""One definition: what alerts and panels name is defined, and what is written from the definitions is current."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from mediamesh_testing.promql import TARGET, expressions, grouped, selected

from mediamesh_core.monitoring import AGENT_METRICS, GROUPS, OPERATOR_METRICS, Alert, dashboard
from mediamesh_core.monitoring.__main__ import files
from mediamesh_core.monitoring.rules import RUNBOOK

ROOT = Path(__file__).parents[2]
METRICS = {metric.name: metric for metric in (*AGENT_METRICS, *OPERATOR_METRICS)}
SERIES = {series: metric for metric in METRICS.values() for series in metric.series()}
FILES = list(files())
FOREIGN = {"up", "process_resident_memory_bytes"}
ALERTS = [alert for alerts in GROUPS.values() for alert in alerts]
EXPRESSIONS = list(expressions())
named = pytest.mark.parametrize(("name", "expression"), EXPRESSIONS, ids=[name for name, _ in EXPRESSIONS])


def test_names_follow_the_rules_of_prometheus() -> None:
    assert len(METRICS) == len(AGENT_METRICS) + len(OPERATOR_METRICS) - 1  # both say what they are
    for metric in METRICS.values():
        assert metric.name.startswith("mediamesh_")
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert metric.help.endswith(".")


@named
def test_what_is_asked_for_is_defined(name: str, expression: str) -> None:
    assert selected(expression)
    assert selected(expression).keys() <= SERIES.keys() | FOREIGN


@named
def test_labels_that_are_asked_for_exist(name: str, expression: str) -> None:
    has = {series: set(SERIES[series].labels) if series in SERIES else set() for series in selected(expression)}
    for series, labels in selected(expression).items():
        assert labels <= has[series] | TARGET
    assert grouped(expression) <= set().union(*has.values()) | TARGET


@named
def test_counters_are_asked_for_their_change(name: str, expression: str) -> None:
    for series in selected(expression):
        if series in SERIES and SERIES[series].kind != "gauge" and "and on" not in expression:
            assert re.search(rf"(rate|increase)\({series}[^\[]*\[", expression)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_alert_tells_what_only_its_series_have(alert: Alert) -> None:
    said = set(re.findall(r"\$labels\.(\w+)", alert.summary + alert.description))
    assert said <= grouped(alert.expression) | TARGET
    assert alert.name.startswith("Mediamesh")
    assert re.fullmatch(r"\d+[smh]", alert.lasts)


def test_alerts_have_names_of_their_own() -> None:
    assert len({alert.name for alert in ALERTS}) == len(ALERTS)


def test_runbook_is_a_heading_of_the_page() -> None:
    titles = re.findall(r"^## (.+)$", (ROOT / RUNBOOK).read_text(), flags=re.MULTILINE)
    anchors = {title.lower().replace(" ", "-") for title in titles}
    assert {alert.symptom for alert in ALERTS} <= anchors


def panels() -> list[dict[str, Any]]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def test_panels_of_the_dashboard_lie_beside_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken
        taken |= cells
    assert len({panel["id"] for panel in dashboard()["panels"]}) == len(dashboard()["panels"])


def test_numbers_are_green_while_all_is_well() -> None:
    well = {"Flows with frames": 5, "Leaders": 1}
    for panel in (panel for panel in panels() if panel["type"] == "stat"):
        value = well.get(panel["title"], 0)
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        *_, reached = (step for step in steps if step["value"] is None or step["value"] <= value)
        assert reached["color"] == "green", panel["title"]


def test_dashboard_has_a_row_for_each_who_asks() -> None:
    rows = [panel["title"] for panel in dashboard()["panels"] if panel["type"] == "row"]
    assert rows == ["Overview", "Flows", "Sinks", "Nodes", "Operator"]
    assert all(panel["description"] and panel["targets"] for panel in panels())


def test_choices_of_the_dashboard_are_those_its_panels_use() -> None:
    text = json.dumps(dashboard())
    choices = {choice["name"] for choice in dashboard()["templating"]["list"]}
    assert set(re.findall(r"\$(\w+)", text)) - {"__rate_interval", "__all"} == choices


@pytest.mark.parametrize(("path", "text"), FILES, ids=[str(path) for path, _ in FILES])
def test_written_files_are_current(path: Path, text: str) -> None:
    assert (ROOT / path).read_text() == text, "run `make generate`"
