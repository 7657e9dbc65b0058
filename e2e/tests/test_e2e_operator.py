"""The operator against a real API server: leading, trust, statuses, and what it leaves alone."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e_operators import Stage, connection, stage
from mediamesh_testing.promql import TARGET, expressions, selected
from mediamesh_testing.waiting import wait_until
from prometheus_client.parser import text_string_to_metric_families

from mediamesh_core.monitoring import OPERATOR_METRICS
from mediamesh_e2e.backends.backend import Backend
from mediamesh_e2e.cluster.cluster import Cluster
from mediamesh_e2e.pods import Pods
from mediamesh_e2e.scale.agent import SimulatedAgent
from mediamesh_e2e.scale.operator import OperatorProcess

WRITES = "mediamesh_operator_reconcile_total"
REFUSED = "mediamesh_operator_refused_total"


@pytest.fixture
def scene(cluster: Cluster, backend: Backend, pods: Pods, tmp_path: Path, python_image: str) -> Iterator[Stage]:
    """Give a namespace with an agent's pod; on a cluster of our own only, since kinds and nodes are everybody's."""
    made = stage(backend, pods, tmp_path, python_image)
    yield made
    backend.kubectl("delete", "mediaconnections", "--all", "--namespace", made.namespace)
    backend.kubectl("delete", "medianodes", "--all")


def leads(scene: Stage, identity: str, operator: OperatorProcess) -> None:
    wait_until(lambda: scene.holder() == identity and operator.ready(), f"{identity} to lead")


def plans(agent: SimulatedAgent, at_least: int) -> None:
    wait_until(lambda: len(agent.plans) >= at_least, lambda: f"a plan; refused: {agent.refusals}")


def series(operator: OperatorProcess) -> dict[str, set[str]]:
    """Scrape it: the labels of each series, by name."""
    with urllib.request.urlopen(f"http://127.0.0.1:{operator.http}/metrics", timeout=10) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        return {sample.name: set(sample.labels) for family in families for sample in family.samples}


def test_a_connection_is_planned_reported_and_ready(scene: Stage) -> None:
    with scene.operator("one") as operator, scene.agent(scene.token()).running() as agent:
        scene.apply("cam")
        scene.wait_for("cam", "Ready", "Flowing")

        status = scene.get("mediaconnection", "cam")["status"]
        managed = scene.backend.kubectl.get(
            "mediaconnection", "cam", "--show-managed-fields", namespace=scene.namespace
        )["metadata"]["managedFields"]
        node = scene.backend.kubectl.get("medianode", "node-a")
        owner = scene.backend.kubectl.get("node", "node-a")["metadata"]["uid"]
        assert [flow.connection for flow in agent.plans[-1][1].flows] == [f"{scene.namespace}/cam"]
        assert status["node"] == "node-a"
        assert {each["manager"]: each["operation"] for each in managed}["mediamesh-operator"] == "Apply"
        assert node["status"]["connections"] == [f"{scene.namespace}/cam"]
        assert [each["uid"] for each in node["metadata"]["ownerReferences"]] == [owner]
        assert operator.metric("mediamesh_operator_agents_connected") == 1


def test_what_alerts_and_panels_ask_an_operator_for_is_there(scene: Stage) -> None:
    with scene.operator("one") as operator, scene.agent(scene.token()).running():
        with scene.agent(scene.token(audience="another")).running() as stranger:
            wait_until(lambda: any("WrongAudience" in said for said in stranger.refusals), "the stranger to be refused")
        scene.apply("cam")
        scene.wait_for("cam", "Ready", "Flowing")
        wait_until(lambda: operator.metric("mediamesh_operator_plans_sent_total"), "a plan to be sent")
        exported = series(operator)
    assert {name for metric in OPERATOR_METRICS for name in metric.series()} <= exported.keys()
    for _, expression in expressions():
        for name, labels in selected(expression).items():
            assert labels - TARGET <= exported.get(name, labels)


def test_nothing_is_written_while_nothing_changes(scene: Stage) -> None:
    with scene.operator("one") as operator, scene.agent(scene.token()).running():
        scene.apply("cam")
        scene.wait_for("cam", "Ready", "Flowing")
        wait_until(lambda: scene.get("mediaconnection", "cam")["status"]["rate"], "the rate")
        reports = operator.metric("mediamesh_operator_reports_total")
        written, version = operator.metric(WRITES), scene.get("mediaconnection", "cam")["metadata"]["resourceVersion"]

        wait_until(lambda: operator.metric("mediamesh_operator_reports_total") > reports + 3, "reports")

        assert operator.metric(WRITES) == written
        assert scene.get("mediaconnection", "cam")["metadata"]["resourceVersion"] == version


def test_a_leader_that_is_killed_is_followed_and_the_agent_is_told_nothing_new(scene: Stage) -> None:
    agent = scene.agent(scene.token())
    with scene.operator("one") as first, scene.operator("two") as second, agent.running():
        wait_until(lambda: first.ready() and second.ready(), "both replicas")
        leader, standby = (first, second) if scene.holder() == "one" else (second, first)
        scene.apply("cam")
        scene.wait_for("cam", "Ready", "Flowing")
        wait_until(lambda: scene.get("mediaconnection", "cam")["status"]["rate"], "the rate")
        before, told = scene.get("mediaconnection", "cam"), len(agent.plans)

        leader.process.kill()
        wait_until(lambda: standby.metric("mediamesh_operator_agents_connected") == 1, "the agent at the other replica")
        reports = standby.metric("mediamesh_operator_reports_total")
        wait_until(lambda: standby.metric("mediamesh_operator_reports_total") > reports, "a report")

        assert len(agent.plans) == told
        assert scene.get("mediaconnection", "cam") == before
        scene.apply("cam", queue=9)
        plans(agent, told + 1)
        assert agent.plans[-1][1].flows[0].sinks[0].queue == 9
        scene.wait_for("cam", "Ready", "Flowing")


def test_a_leader_that_is_stopped_gives_the_lease_away(scene: Stage) -> None:
    with scene.operator("one") as operator:
        leads(scene, "one", operator)
        operator.process.terminate()
        assert operator.process.wait(timeout=30) == 0
    assert scene.holder() == ""
    with scene.operator("two") as operator:
        leads(scene, "two", operator)


def test_what_changed_while_no_operator_was_there_is_carried_out(scene: Stage) -> None:
    agent = scene.agent(scene.token())
    with agent.running():
        with scene.operator("one"):
            scene.apply("stays")
            scene.apply("goes")
            scene.wait_for("goes", "Ready", "Flowing")
            scene.wait_for("stays", "Ready", "Flowing")
        scene.backend.kubectl("delete", "mediaconnection", "goes", "--namespace", scene.namespace)
        scene.apply("comes")
        told = len(agent.plans)
        with scene.operator("two"):
            plans(agent, told + 1)
            names = [flow.connection.partition("/")[2] for flow in agent.plans[-1][1].flows]
            assert names == ["comes", "stays"]
            scene.wait_for("comes", "Ready", "Flowing")


def test_an_api_server_that_is_killed_costs_neither_the_lease_nor_the_agent(scene: Stage, cluster: Cluster) -> None:
    agent = scene.agent(scene.token())
    with scene.operator("one") as operator, agent.running():
        scene.apply("cam")
        scene.wait_for("cam", "Ready", "Flowing")
        refused = len(agent.refusals)
        cluster.control.programs["kube-apiserver"].kill()
        cluster.control.launch("kube-apiserver")
        wait_until(cluster.control.api.ready, "the API server")

        scene.apply("late")
        scene.wait_for("late", "Ready", "Flowing")

        assert operator.process.poll() is None
        assert operator.metric("mediamesh_operator_leader") == 1
        assert len(agent.refusals) == refused


@pytest.mark.parametrize(
    ("shown", "node", "reason"),
    [
        ({"audience": "https://kubernetes.default.svc"}, "node-a", "WrongAudience"),
        ({"account": "default", "bound": ""}, "node-a", "NotOurServiceAccount"),
        ({"bound": ""}, "node-a", "TokenNotBound"),
        ({}, "node-b", "AgentForAnotherNode"),
    ],
)
def test_who_is_not_the_agent_of_its_node_is_refused(
    scene: Stage, shown: dict[str, str], node: str, reason: str
) -> None:
    agent = scene.agent(scene.token(**shown), node)
    with scene.operator("one") as operator, agent.running():
        leads(scene, "one", operator)
        wait_until(lambda: any(reason in refusal for refusal in agent.refusals), lambda: f"{reason}: {agent.refusals}")
        wait_until(lambda: operator.metric(REFUSED) >= 1, "the metric")
        assert reason in {line["reason"] for line in scene.said("one", "agent refused")}
        assert agent.plans == []


def test_a_token_of_a_pod_that_is_gone_is_worth_nothing(scene: Stage) -> None:
    agent = scene.agent(scene.token())
    scene.backend.kubectl("delete", "pod", "agent", "--namespace", scene.namespace, "--wait")
    with scene.operator("one") as operator, agent.running():
        leads(scene, "one", operator)
        wait_until(lambda: any("TokenInvalid" in each for each in agent.refusals), lambda: f"{agent.refusals}")


def test_two_replicas_have_one_authority(scene: Stage) -> None:
    with scene.operator("one"):
        first = scene.trusted()
    with scene.operator("two") as operator:
        leads(scene, "two", operator)
        assert scene.trusted() == first


def test_a_connection_that_cannot_run_says_why_and_heals(scene: Stage) -> None:
    wanted = connection("cam")
    wanted["spec"]["source"] = {"name": "camera", "pod": {"matchLabels": {"app": "camera"}}}
    with scene.operator("one"):
        scene.backend.kubectl.apply(wanted, namespace=scene.namespace)
        scene.wait_for("cam", "Programmed", "NoSource")
        assert scene.condition("cam", "Accepted")[0] == "True"
        events = wait_until(lambda: said_of(scene, "cam"), "the event")
        assert "NoSource" in events
        wanted["spec"]["source"] = connection("cam")["spec"]["source"]
        scene.backend.kubectl("replace", "--namespace", scene.namespace, "-f", "-", given=json.dumps(wanted))
        scene.wait_for("cam", "Programmed", "NoAgent")


def said_of(scene: Stage, name: str) -> list[str]:
    found = scene.get("events", f"--field-selector=involvedObject.name={name}")["items"]
    return [event["reason"] for event in found]
