"""What the release may at a real API server, and what becomes of it when somebody deletes what it writes into.

One flow runs through all of it and loses no frame.
"""

from collections.abc import Iterator

import pytest
from e2e_changes import PATIENCE, Change
from e2e_flows import Flow, lasting_flow

from mediamesh_e2e.errors import ProgramFailed
from mediamesh_e2e.patience import until
from mediamesh_e2e.pods import Pods
from mediamesh_e2e.release.chart import NAME, NAMESPACE, Release

OPERATOR, NODE = f"{NAME}-operator", f"{NAME}-node"
CA, BUNDLE = f"{NAME}-ca", f"{NAME}-ca-bundle"
FORBIDDEN = [
    "create secrets",
    "get secrets",
    "list secrets",
    "create configmaps",
    f"delete secrets/{CA}",
    f"delete leases/{OPERATOR}",
    "patch mediaconnections.mediamesh.io",
    "delete mediaconnections.mediamesh.io",
    "patch pods",
    "delete pods",
    "create pods/exec",
    "patch nodes",
    "create serviceaccounts/token",
]
ALLOWED = [
    f"get secrets/{CA}",
    f"patch secrets/{CA}",
    f"patch configmaps/{BUNDLE}",
    f"patch leases/{OPERATOR}",
    "create leases.coordination.k8s.io",
    "create tokenreviews.authentication.k8s.io",
]


def may(release: Release, account: str, what: str) -> bool:
    """Ask the API server whether a service account of the release may do something in the release's namespace."""
    verb, _, resource = what.partition(" ")
    parts = resource.split("/")
    named = ["--subresource", parts[1]] if resource in {"pods/exec", "serviceaccounts/token"} else []
    who = f"--as=system:serviceaccount:{NAMESPACE}:{account}"
    words = [verb, parts[0] if named else resource, *named, who, "--namespace", NAMESPACE]
    try:
        return release.backend.kubectl("auth", "can-i", *words).strip() == "yes"
    except ProgramFailed:  # it ends with 1 for a no
        return False


@pytest.fixture(scope="module")
def cam(release: Release, shared_pods: Pods) -> Iterator[Flow]:
    with lasting_flow(release, shared_pods) as made:
        yield made


def test_the_operator_may_what_it_needs_and_no_more(release: Release) -> None:
    assert [what for what in ALLOWED if not may(release, OPERATOR, what)] == []
    assert [what for what in FORBIDDEN if may(release, OPERATOR, what)] == []


def test_agents_may_nothing(release: Release) -> None:
    assert [what for what in (*ALLOWED, *FORBIDDEN, "get pods", "list nodes") if may(release, NODE, what)] == []


def test_somebody_who_deletes_the_lease_gets_a_leader_again(cam: Flow) -> None:
    change = Change(cam, "lease")
    change.prepare()
    lease = ["lease", OPERATOR, "--namespace", NAMESPACE]
    before = identity(cam, *lease)

    cam.release.backend.kubectl("delete", *lease)
    until(lambda: identity(cam, *lease) not in ("", before), "another Lease", seconds=PATIENCE)
    change.make()
    change.await_done()

    cam.assert_nothing_lost()
    change.undo()
    cam.release.settle()


def identity(cam: Flow, *words: str) -> str:
    """Give the uid of an object, nothing while there is none."""
    return cam.release.backend.kubectl("get", *words, "--ignore-not-found", "--output=jsonpath={.metadata.uid}")


def test_an_authority_that_was_deleted_is_made_anew_and_trusted_without_a_restart(cam: Flow) -> None:
    change = Change(cam, "authority")
    change.prepare()
    before, agent = bundle(cam), cam.release.node_pod("node-a")
    process = cam.release.container(agent, "agent")

    placed = ["--namespace", NAMESPACE]
    cam.release.backend.kubectl("delete", f"secret/{CA}", f"configmap/{BUNDLE}", *placed)
    cam.release.upgrade()  # makes both, empty
    cam.release.backend.kubectl("delete", "pod", cam.release.operator_pods()[0], "--wait=false", *placed)
    until(lambda: bundle(cam) not in ("", before), "a new CA", seconds=PATIENCE)
    change.make()
    change.await_done()

    cam.assert_nothing_lost()
    assert cam.release.container(agent, "agent") == process
    change.undo()
    cam.release.settle()


def bundle(cam: Flow) -> str:
    path = "--output=jsonpath={.data.ca\\.crt}"
    return cam.release.backend.kubectl("get", "configmap", BUNDLE, "--namespace", NAMESPACE, path)
