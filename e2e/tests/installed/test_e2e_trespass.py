"""Pods that try what is not theirs: refused with a reason, seen by who looks after the node, felt by nobody else."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from e2e_flows import Flow, flow
from prometheus_client.parser import text_string_to_metric_families

from mediamesh_e2e.backends.backend import Backend
from mediamesh_e2e.patience import until
from mediamesh_e2e.pods import Pods, pod
from mediamesh_e2e.release.applications import HARMLESS, LIVE, Applications, application, connection, with_folder
from mediamesh_e2e.release.chart import NAMESPACE, Release
from mediamesh_e2e.release.images import application_image

WAIT = ["python3", "-c", "import signal; signal.sigwait([signal.SIGTERM])"]
TRY = """
import json, sys, mediamesh
role, options = sys.argv[1], json.loads(sys.argv[2])
held = []
try:
    for _ in range(options.pop("times", 1)):
        held.append(getattr(mediamesh, "open_" + role)(**options))
    print("attached")
except mediamesh.Error as error:
    print(error.reason, error.message)
"""
"""Try to attach, and print the reason why not."""


@dataclass(frozen=True, slots=True)
class Intruder:
    """A pod that takes part in a connection `own` of its own namespace, so that it has a folder with a socket."""

    release: Release
    pods: Pods

    @property
    def own(self) -> str:
        return f"{self.pods.namespace}/own"

    def tries(self, role: str, **options: object) -> str:
        """Try to attach; return the reason of the refusal and its message."""
        return self.pods.run("intruder", "python3", "-c", TRY, role, json.dumps(options))


def hub_log(release: Release) -> str:
    words = ["logs", "--namespace", NAMESPACE, release.node_pod("node-a"), "--container=hub"]
    return release.backend.kubectl(*words)


def counted(release: Release, **labels: str) -> float:
    """Return what the agent of node-a counts of ended attachments with these labels."""
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{release.node_pod('node-a')}:8080/proxy/metrics"
    text = release.backend.kubectl("get", "--raw", path)
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    name = "mediamesh_hub_attachments_ended_total"
    return sum(each.value for each in samples if each.name == name and labels.items() <= each.labels.items())


def is_seen(release: Release, reason: str, **labels: str) -> None:
    """Wait until a refusal is in the log of the hub and in the metric."""
    until(lambda: counted(release, reason=reason, **labels), f"{reason} in the metric", seconds=60)
    lines = [json.loads(line) for line in hub_log(release).splitlines() if line.startswith("{")]
    assert reason in {line.get("reason") for line in lines}


def waiting(release: Release, name: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """Give a pod that only waits, as restricted as all others."""
    container = {"securityContext": HARMLESS}
    return pod(name, application_image(release.tag), WAIT, node="node-a", labels=labels, container=container)


@pytest.fixture
def cam(release: Release, pods: Pods) -> Iterator[Flow]:
    """Give a flow of somebody else, who must not notice anything."""
    with flow(release, pods) as made:
        before = made.applications.more("sink")
        yield made
        assert made.applications.more("sink").continues(before)


@pytest.fixture
def intruder(backend: Backend, release: Release, cam: Flow) -> Iterator[Intruder]:
    """Give the intruder, in another namespace than the flow."""
    namespace = f"{cam.namespace}-intruder"
    backend.kubectl("create", "namespace", namespace)
    backend.kubectl("wait", "--namespace", namespace, "--for=create", "serviceaccount/default", "--timeout=30s")
    made = Intruder(release, Pods(backend.kubectl, namespace))
    own = connection("own", source="idle", sinks={"intruder": LIVE, "another": LIVE})
    own["spec"]["sinks"][0]["maxAttachments"] = 2
    locked = {"name": "locked", "pod": {"matchLabels": {"app": "intruder"}, "token": "open-sesame"}}
    own["spec"]["sinks"].append(locked)
    pods = [with_folder(waiting(release, name, {"app": name})) for name in ("idle", "intruder")]
    made.pods.start(own, *pods)
    until(lambda: made.pods.run("intruder", "ls", "/run/mediamesh") == "attach.sock", "the socket", seconds=60)
    yield made
    backend.kubectl("delete", "namespace", namespace, "--wait=false")


def test_a_connection_of_another_namespace(intruder: Intruder, cam: Flow) -> None:
    victim = f"{cam.namespace}/cam"
    for role, endpoint in (("sink", ""), ("sink", "sink"), ("source", "source"), ("sink", "guessed")):
        said = intruder.tries(role, connection=victim, endpoint=endpoint)
        perhaps = "check the name, or wait until there is one (`wait=True`, `--wait`)"
        assert said == f"NotYourEndpoint {victim} has nothing for this pod; {perhaps}"
    assert intruder.tries("sink", connection="cam").startswith("NoSuchConnection ")
    is_seen(intruder.release, "NotYourEndpoint", connection=victim, endpoint="sink")
    is_seen(intruder.release, "NoSuchConnection")


def test_an_endpoint_that_is_not_its_own(intruder: Intruder) -> None:
    assert intruder.tries("sink", connection="own", endpoint="another").startswith("NotYourEndpoint ")
    assert intruder.tries("source", connection="own").startswith("NotYourEndpoint ")
    assert intruder.tries("source", connection="own", endpoint="intruder").startswith("WrongRole ")
    is_seen(intruder.release, "NotYourEndpoint", connection=intruder.own, endpoint="another")
    is_seen(intruder.release, "WrongRole", connection=intruder.own, endpoint="intruder")

    def state() -> str:
        found = intruder.pods.kubectl.get("mediaconnection", "own", namespace=intruder.pods.namespace)
        return "".join(each["message"] for each in found["status"]["endpoints"] if each["name"] == "intruder")

    until(lambda: "is a sink, not a source" in state(), "the refusal in status", seconds=60)


def test_more_attachments_than_it_may_have(intruder: Intruder) -> None:
    said = intruder.tries("sink", connection="own", endpoint="intruder", times=3, timeout=10)
    assert said.startswith("Timeout "), "a place may become free, so the SDK tries again until then"
    assert f"'intruder' of {intruder.own} has its 2 attachments already" in said
    is_seen(intruder.release, "TooManyAttachments", connection=intruder.own, endpoint="intruder")


def test_a_token_that_it_has_made_up(intruder: Intruder) -> None:
    assert intruder.tries("sink", connection="own", endpoint="locked", token="guess").startswith("WrongToken ")
    assert intruder.tries("sink", connection="own", endpoint="locked").startswith("WrongToken ")
    assert intruder.tries("sink", connection="own", endpoint="locked", token="open-sesame") == "attached"
    is_seen(intruder.release, "WrongToken", connection=intruder.own, endpoint="locked")


def test_its_folder_has_a_socket_and_nothing_else_to_hold(intruder: Intruder) -> None:
    write = "import os; os.open('/run/mediamesh/mine', os.O_CREAT | os.O_WRONLY)"
    said = intruder.pods.run("intruder", "python3", "-c", f"try:\n {write}\nexcept OSError as error: print(error)")
    assert "Read-only file system" in said
    status = intruder.pods.run("intruder", "cat", "/proc/self/status")
    assert "CapEff:\t0000000000000000" in status
    assert "Uid:\t1000\t1000\t1000\t1000" in status


@pytest.fixture
def unguarded(release: Release) -> Iterator[Release]:
    """Give the release without its mount policy, and with a hub that sees whose processes its clients are."""
    release.upgrade(values={"admission.mountPolicy": False, "node.hostPID": True})
    yield release
    release.upgrade()


def test_the_folder_of_another_pod_where_no_policy_keeps_it(unguarded: Release, pods: Pods) -> None:
    with flow(unguarded, pods) as cam:
        victim = pods.get("sink")["metadata"]["uid"]
        thief = waiting(unguarded, "thief", {"app": "thief"})
        thief["spec"]["volumes"] = [{"name": "all", "hostPath": {"path": "/run/mediamesh/pods"}}]
        thief["spec"]["containers"][0]["volumeMounts"] = [{"name": "all", "mountPath": "/all"}]
        pods.start(thief)
        before = cam.applications.more("sink")

        options = json.dumps({"connection": "cam", "root": f"/all/{victim}"})
        said = pods.run("thief", "python3", "-c", TRY, "sink", options)

        assert said == "NotYourFolder this socket is another pod's: mount the folder of your own pod"
        is_seen(unguarded, "NotYourFolder")
        assert cam.applications.more("sink").continues(before)
        assert Applications(pods).condition("cam", "Ready")["status"] == "True"
        pods.start(application(unguarded.tag, "sink", "cam", app="sink", name="honest"))
        assert cam.applications.more("honest").flawless
