"""No value is dead: each one, changed alone in a release that has everything, changes what is installed."""

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml
from chart_rendering import CHART, MUTATING, nested, only, rendered

VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
EVERYTHING: dict[str, Any] = {
    "node": {"sockets": {"mode": "csi"}, "memoryLimit": 1_000_000_000},
    "tls": {"certManager": {"enabled": True, "issuerRef": {"name": "studio-ca"}}},
    "monitoring": {name: {"enabled": True} for name in ("serviceMonitor", "prometheusRule", "dashboard")},
}
OTHERS: dict[str, Any] = {
    "images.pullPolicy": "Always",
    "node.sockets.mode": "hostPath",
    "node.updateStrategy.type": None,  # only together with what is below it
    "operator.logLevel": "debug",
    "node.logLevel": "debug",
    "admission.injection": False,
    "admission.mayMountAll": ["monitoring"],
    "node.updateStrategy.rollingUpdate.maxUnavailable": None,  # only together with maxSurge
    "networkPolicy.apiServerPorts": [8443],
    "networkPolicy.scrapers": [{"podSelector": {}}],
    "monitoring.serviceMonitor.enabled": False,
    "monitoring.serviceMonitor.interval": "5s",
    "monitoring.prometheusRule.enabled": False,
    "monitoring.dashboard.enabled": False,
    "monitoring.prometheusRule.disabled": ["MediameshHubDown"],
    "tls.certManager.enabled": False,
}
"""What to change a value to, where it cannot be guessed from its default."""


def leaves(values: Mapping[str, Any], schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        inner = schema["properties"][name]
        inner = SCHEMA["definitions"][inner["$ref"].rpartition("/")[2]] if "$ref" in inner else inner
        if isinstance(value, dict) and value and "properties" in inner:
            yield from leaves(value, inner, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def another(path: str, value: Any) -> Any:
    if path in OTHERS:
        return OTHERS[path]
    if isinstance(value, bool):
        return not value
    if isinstance(value, list):
        return [{"key": "changed"}] if path.endswith("tolerations") else ["changed"]
    if isinstance(value, dict):
        return {"name": "changed"} if path.endswith("issuerRef") else {"changed": "1"}
    if isinstance(value, int):
        return value + 1
    return "/changed" if value.startswith("/") else "changed"


def merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    result = copy.deepcopy(dict(one))
    for name, value in other.items():
        both = isinstance(value, dict) and isinstance(result.get(name), dict)
        result[name] = merged(result[name], value) if both else value
    return result


CHANGES = [(path, another(path, value)) for path, value in leaves(VALUES, SCHEMA) if OTHERS.get(path, path) is not None]


@pytest.mark.parametrize(("path", "value"), CHANGES, ids=[path for path, _ in CHANGES])
def test_value_has_an_effect(path: str, value: Any) -> None:
    changed = merged(EVERYTHING, nested(path, value))
    assert rendered(changed, apis=(MUTATING,)) != rendered(EVERYTHING, apis=(MUTATING,))


@pytest.mark.parametrize(
    "strategy",
    [
        {"type": "OnDelete", "rollingUpdate": None},
        {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
        {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 2}},
    ],
    ids=str,
)
def test_the_way_of_updates_has_an_effect(strategy: dict[str, Any]) -> None:
    wanted = {"type": "RollingUpdate", **strategy}
    daemons = only(rendered({"node": {"updateStrategy": strategy}}), "DaemonSet")
    assert daemons["spec"]["updateStrategy"] == {key: value for key, value in wanted.items() if value is not None}
