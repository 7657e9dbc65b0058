"""The rules before the judge whose rules they are: promtool reads them, and runs them on invented series."""

from pathlib import Path

import yaml
from chart_rendering import CHART
from mediamesh_testing.promql import expressions

from mediamesh_core.monitoring import GROUPS
from mediamesh_e2e.clients import promtool
from mediamesh_e2e.programs import run

RULES = CHART / "monitoring/rules.yaml"
CASES = Path(__file__).with_name("chart_rules.yaml")
VARIABLES = {"$__rate_interval": "1m", "$node": ".*", "$connection": ".*"}


def test_rules_are_valid() -> None:
    assert "SUCCESS" in run([promtool(), "check", "rules", RULES])


def test_queries_of_the_dashboard_are_valid(tmp_path: Path) -> None:
    rules = []
    for number, (_, expression) in enumerate(expressions()):
        for name, value in VARIABLES.items():
            expression = expression.replace(name, value)  # noqa: PLW2901  # step by step
        rules.append({"record": f"panel:{number}", "expr": expression})
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    assert f"SUCCESS: {len(rules)} rules found" in run([promtool(), "check", "rules", file])


def test_alerts_fire_when_they_should_and_not_before() -> None:
    assert "SUCCESS" in run([promtool(), "test", "rules", CASES], folder=CASES.parent)


def test_every_alert_fires_in_one_case_and_is_silent_in_another() -> None:
    asked: dict[str, set[bool]] = {}
    for case in yaml.safe_load(CASES.read_text())["tests"]:
        for question in case["alert_rule_test"]:
            asked.setdefault(question["alertname"], set()).add(bool(question.get("exp_alerts")))
    assert asked == {alert.name: {True, False} for alerts in GROUPS.values() for alert in alerts}
