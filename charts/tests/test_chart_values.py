"""What the chart can be told: a typo, a wrong type or a contradiction is refused by helm, with what to do."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart_rendering import CHART, MUTATING, helm_says, nested, only, rendered

from mediamesh_e2e.errors import ProgramFailed

VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
REFERENCE = (CHART.parents[1] / "docs/reference/values.md").read_text()
FREE = {
    "global",
    "networkPolicy.scrapers.podSelector",
    "networkPolicy.scrapers.namespaceSelector",
    "networkPolicy.scrapers.ipBlock",
}
"""Mappings whose keys are Kubernetes' business."""


def resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return SCHEMA["definitions"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def mappings(schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every mapping that the schema knows, by its path."""
    schema = resolved(schema)
    if "properties" in schema or schema.get("type") == "object":
        yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from mappings(inner, f"{path}.{name}".lstrip("."))
    if "items" in schema:
        yield from mappings(schema["items"], path)


STRUCTURED = [path for path, schema in mappings(SCHEMA) if "properties" in schema]
TYPOS = [path for path in STRUCTURED if path != "networkPolicy.scrapers"]


def test_schema_and_values_know_the_same() -> None:
    def compare(schema: Mapping[str, Any], values: object, path: str) -> None:
        if isinstance(values, dict) and values and "properties" in schema:
            assert schema["properties"].keys() - {"global"} == values.keys(), path
            for name, inner in values.items():
                compare(resolved(schema["properties"][name]), inner, f"{path}.{name}")

    compare(SCHEMA, VALUES, "")


def test_mappings_are_closed_where_we_know_what_is_in_them() -> None:
    for path, schema in mappings(SCHEMA):
        free = path in FREE or "properties" not in schema
        assert free or schema["additionalProperties"] is False, path


@pytest.mark.parametrize("path", TYPOS, ids=lambda path: path or "top")
def test_typo_is_refused(path: str) -> None:
    with pytest.raises(ProgramFailed, match="additional properties 'nonsense' not allowed"):
        rendered(nested(f"{path}.nonsense".lstrip("."), value=True))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("images.registry", "https://registry.test"),
        ("images.registry", "registry.test/it's"),
        ("images.tag", "sha256:0123"),
        ("operator.replicas", "two"),
        ("operator.replicas", 11),
        ("operator.logLevel", "loud"),
        ("node.memoryLimit", "2Gi"),
        ("node.memoryLimit", -1),
        ("node.root", "run/mediamesh"),
        ("node.root", "/run/../etc"),
        ("node.root", "/"),
        ("node.hostPID", "yes"),
        ("node.sockets.mode", "nfs"),
        ("node.updateStrategy.type", "Recreate"),
        ("node.updateStrategy.rollingUpdate.maxSurge", -1),
        ("node.updateStrategy.rollingUpdate.maxSurge", "half"),
        ("node.terminationGracePeriodSeconds", 0),
        ("images.pullPolicy", "Sometimes"),
        ("admission.injection", "maybe"),
        ("admission.mayMountAll", ["Kube_System"]),
        ("admission.mayMountAll", "kube-system"),
        ("networkPolicy.apiServerPorts", []),
        ("networkPolicy.apiServerPorts", ["https"]),
        ("networkPolicy.apiServerPorts", [70000]),
        ("networkPolicy.scrapers", [{"namespace": "monitoring"}]),
        ("networkPolicy.scrapers", [{}]),
        ("monitoring.serviceMonitor.interval", "1m"),
        ("monitoring.serviceMonitor.interval", 15),
        ("monitoring.prometheusRule.labels", {"team": 7}),
        ("monitoring.prometheusRule.disabled", ["Watchdog"]),
    ],
    ids=str,
)
def test_wrong_type_or_range_is_refused(path: str, value: object) -> None:
    with pytest.raises(ProgramFailed) as refused:
        rendered(nested(path, value))
    assert f"/{path.replace('.', '/')}" in refused.value.message


CONTRADICTIONS: dict[str, dict[str, Any]] = {
    "tls.certManager.enabled needs": {"tls": {"certManager": {"enabled": True}}},
    "node.updateStrategy.rollingUpdate has no meaning": {"node": {"updateStrategy": {"type": "OnDelete"}}},
    "node.updateStrategy.rollingUpdate: a DaemonSet takes": {
        "node": {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 1}}}
    },
    "node.media lies inside": {"node": {"media": "/run/mediamesh/media"}},
    "node.media has": {"node": {"media": "/var/run"}},
    "node.resources.hub.limits.memory without": {"node": {"resources": {"hub": {"limits": {"memory": "1Gi"}}}}},
    "admission.injection is true, but": {"admission": {"injection": True}},
    "monitoring.prometheusRule.disabled: there is no": {
        "monitoring": {"prometheusRule": {"disabled": ["MediameshTooQuiet"]}}
    },
}
SENSE: list[dict[str, Any]] = [
    {"tls": {"certManager": {"enabled": True, "issuerRef": {"name": "studio-ca", "kind": "ClusterIssuer"}}}},
    {"node": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": None}}},
    {"node": {"updateStrategy": {"rollingUpdate": {"maxSurge": "50%", "maxUnavailable": 0}}}},
    {"node": {"updateStrategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "10%"}}}},
    {"node": {"media": "/run/mediamesh-media"}},
    {"images": {"registry": "registry.test:5000/media/", "tag": "1.2"}},
    {"node": {"resources": {"hub": {"limits": {"memory": "1Gi"}}}, "memoryLimit": 700_000_000}},
    {"admission": {"injection": False}},
    {"monitoring": {"prometheusRule": {"enabled": True, "disabled": ["MediameshSourceGone"]}}},
]


def pages_lines() -> list[str]:
    return REFERENCE.rpartition("```text\n")[2].rpartition("```")[0].splitlines()


@pytest.mark.parametrize("begins", CONTRADICTIONS, ids=str)
def test_contradiction_is_refused_with_the_message_of_the_page(begins: str) -> None:
    with pytest.raises(ProgramFailed) as refused:
        rendered(CONTRADICTIONS[begins])
    (line,) = (line for line in pages_lines() if line.startswith(begins))
    assert line.replace("NAME", "MediameshTooQuiet") in refused.value.message


def test_every_refusal_has_a_case() -> None:
    assert len(pages_lines()) == len(CONTRADICTIONS)


@pytest.mark.parametrize(
    "node",
    [
        {"root": "/var/lib/mediamesh/run"},
        {"media": "/run"},
        {"media": "/var/lib"},
        {"media": "/srv", "sockets": {"kubeletDir": "/srv/kubelet"}},
        {"root": "/var/run/mesh", "media": "/run/mesh"},
    ],
    ids=str,
)
def test_a_media_folder_that_holds_what_is_not_media_is_refused(node: dict[str, Any]) -> None:
    with pytest.raises(ProgramFailed, match=r"node\.media (has|lies inside) "):
        rendered({"node": node})


@pytest.mark.parametrize(
    "update", [{"maxSurge": 0}, {"maxSurge": "0%", "maxUnavailable": 0}, {"maxSurge": "50%", "maxUnavailable": "10%"}]
)
def test_a_way_of_updates_that_no_daemon_set_has_is_refused(update: dict[str, Any]) -> None:
    with pytest.raises(ProgramFailed, match="not both and not neither"):
        rendered({"node": {"updateStrategy": {"rollingUpdate": update}}})


@pytest.mark.parametrize("values", SENSE, ids=str)
def test_what_makes_sense_is_taken(values: dict[str, Any]) -> None:
    assert rendered(values)


@pytest.mark.parametrize("mode", ["hostPath", "csi"])
def test_injection_is_there_where_the_api_server_has_it(mode: str) -> None:
    values = {"node": {"sockets": {"mode": mode}}, "admission": {"injection": True}}
    policy = only(rendered(values, apis=(MUTATING,)), "MutatingAdmissionPolicy")
    assert ("csi: " in json.dumps(policy)) == (mode == "csi")


def test_helm_has_nothing_against_the_chart(tmp_path: Path) -> None:
    everything = {
        "monitoring": {name: {"enabled": True} for name in ("serviceMonitor", "prometheusRule", "dashboard")},
        "networkPolicy": {"scrapers": [{"podSelector": {}}]},
        "node": {"sockets": {"mode": "csi"}, "podLabels": {"team": "media"}, "podAnnotations": {"a": "b"}},
        "operator": {"podLabels": {"team": "media"}},
        "images": {"registry": "registry.test/", "pullSecrets": ["mine"]},
    }
    values = tmp_path / "values.yaml"
    values.write_text(json.dumps(everything))
    assert "0 chart(s) failed" in helm_says("lint", "--strict", CHART, "--values", values)


def test_every_value_is_told_of() -> None:
    rows = re.findall(r"^\| `[^`]+` \| .* \| ([^|]*) \|$", REFERENCE, flags=re.MULTILINE)
    assert len(rows) > 50
    assert "" not in [meaning.strip() for meaning in rows]
