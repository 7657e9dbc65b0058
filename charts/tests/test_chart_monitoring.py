"""What the chart brings for Prometheus and Grafana: off at first, and finding what it is for."""

import json
from typing import Any

import pytest
import yaml
from chart_rendering import CHART, Object, only, rendered

from mediamesh_core.monitoring import dashboard, rule_file
from mediamesh_core.monitoring.alerts import NODE_JOB, OPERATOR_JOB

PROMETHEUS = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
KINDS = {"ServiceMonitor", "PodMonitor", "PrometheusRule"}


def monitored(**values: Any) -> list[Object]:
    return rendered({"monitoring": values, "networkPolicy": {"scrapers": PROMETHEUS}})


def test_nothing_of_it_is_there_unless_asked_for() -> None:
    objects = rendered()
    assert not {one["kind"] for one in objects} & KINDS
    assert not [one for one in objects if one["metadata"]["name"].endswith("-dashboard")]


@pytest.mark.parametrize(
    ("value", "kinds"),
    [
        ("serviceMonitor", {"ServiceMonitor", "PodMonitor"}),
        ("prometheusRule", {"PrometheusRule"}),
        ("dashboard", set()),
    ],
)
def test_each_has_a_switch_of_its_own(value: str, kinds: set[str]) -> None:
    objects = monitored(**{value: {"enabled": True, "labels": {"release": "prom"}}})
    assert {one["kind"] for one in objects} & KINDS == kinds
    made = [one for one in objects if one["metadata"]["labels"].get("release") == "prom"]
    assert len(made) == max(len(kinds), 1)


def test_the_monitor_of_operators_finds_their_service_and_port() -> None:
    objects = monitored(serviceMonitor={"enabled": True, "interval": "5s"})
    service, monitor = only(objects, "Service", "-operator"), only(objects, "ServiceMonitor")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["endpoints"]
    (port,) = (port for port in service["spec"]["ports"] if port["name"] == endpoint["port"])
    assert port["targetPort"] in ports(only(objects, "Deployment", "-operator"))
    assert endpoint["interval"] == "5s"
    assert_as_alerts_expect(endpoint, OPERATOR_JOB)


def test_the_monitor_of_agents_finds_their_pods_and_port_and_tells_the_node() -> None:
    objects = monitored(serviceMonitor={"enabled": True})
    daemonset, monitor = only(objects, "DaemonSet"), only(objects, "PodMonitor")
    labels = daemonset["spec"]["template"]["metadata"]["labels"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] in ports(daemonset)
    assert_as_alerts_expect(endpoint, NODE_JOB)
    assert {"sourceLabels": ["__meta_kubernetes_pod_node_name"], "targetLabel": "node"} in endpoint["relabelings"]


def ports(workload: Object) -> set[str]:
    containers = workload["spec"]["template"]["spec"]["containers"]
    return {port["name"] for container in containers for port in container.get("ports", ())}


def assert_as_alerts_expect(endpoint: Object, job: str) -> None:
    assert endpoint["honorLabels"] is True
    assert {"targetLabel": "job", "replacement": job} in endpoint["relabelings"]


def test_rules_are_those_of_the_definition_with_the_page_that_was_named() -> None:
    rule = only(monitored(prometheusRule={"enabled": True, "runbook": "http://wiki.test/media"}), "PrometheusRule")
    written = yaml.safe_load(
        yaml.safe_dump(rule_file()).replace("docs/operations/troubleshooting.md", "http://wiki.test/media")
    )
    assert rule["spec"] == written


def test_alerts_that_are_not_wanted_are_left_out() -> None:
    unwanted = ["MediameshFlowWithoutFrames", "MediameshHubRestarted"]
    rule = only(monitored(prometheusRule={"enabled": True, "disabled": unwanted}), "PrometheusRule")
    kept = [one["alert"] for group in rule["spec"]["groups"] for one in group["rules"]]
    everything = [one["alert"] for group in rule_file()["groups"] for one in group["rules"]]
    assert kept == [name for name in everything if name not in unwanted]


def test_the_dashboard_is_the_definition_s_and_found_by_grafana_s_sidecar() -> None:
    board = only(
        monitored(dashboard={"enabled": True, "annotations": {"grafana_folder": "Media"}}), "ConfigMap", "-dashboard"
    )
    assert json.loads(board["data"]["mediamesh.json"]) == dashboard()
    assert board["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert board["metadata"]["annotations"] == {"grafana_folder": "Media"}


@pytest.mark.parametrize("part", ["-operator", "-node"])
def test_network_policies_let_everybody_read_metrics_or_those_who_are_named(part: str) -> None:
    anybody, named = {"ports": [{"port": "http"}]}, {"ports": [{"port": "http"}], "from": PROMETHEUS}
    policies = [only(objects, "NetworkPolicy", part)["spec"]["ingress"] for objects in (rendered(), monitored())]
    assert [[rule for rule in policy if rule["ports"] == [{"port": "http"}]] for policy in policies] == [
        [anybody],
        [named],
    ]
    for policy in policies:
        assert all("podSelector" in rule["from"][0] for rule in policy if rule["ports"] == [{"port": "agents"}])


def test_written_files_are_in_the_chart() -> None:
    assert {path.name for path in (CHART / "monitoring").iterdir()} == {"rules.yaml", "dashboard.json"}
