"""`kubectl mediamesh` beside a flow: what it shows is what is, and what it packs for strangers has no secret in it."""

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e_flows import Flow, flow

from mediamesh_e2e.patience import until
from mediamesh_e2e.pods import Pods
from mediamesh_e2e.release.applications import LIVE, connection
from mediamesh_e2e.release.chart import NAMESPACE, Release

PASSWORD = "open-sesame"


@pytest.fixture(scope="module")
def cam(release: Release, shared_pods: Pods) -> Iterator[Flow]:
    """Give a flow, and beside it a connection that needs a token."""
    with flow(release, shared_pods) as made:
        locked = connection("locked", sinks={"nobody": LIVE})
        locked["spec"]["source"]["pod"]["token"] = PASSWORD
        made.apply(locked)
        made.applications.await_condition("cam", "Ready", "Flowing")
        yield made
        made.delete("mediaconnection", "locked")


def said(cam: Flow, *words: str) -> str:
    return cam.release.backend.kubectl("mediamesh", *words)


def test_a_tree_shows_pods_where_they_are(cam: Flow) -> None:
    tree = until(lambda: rated(said(cam, "tree", "--namespace", cam.namespace)), "the rate in the tree", seconds=60)

    title, *branches = tree.splitlines()[:3]
    assert title.startswith(f"{cam.namespace}/cam  Ready  ")
    assert title.endswith("/s  on node-a")
    assert branches == [
        "├─ from source  pod source on node-a  Attached",
        "└─ to   sink  pod sink on node-a  Attached",
    ]
    assert f"{cam.namespace}/locked  " in tree
    assert f"{cam.namespace}/cam  Ready" in said(cam, "tree", "--all-namespaces")


def rated(tree: str) -> str:
    return tree if "/s" in tree.splitlines()[0] else ""


def test_rates_are_those_at_which_frames_come(cam: Flow) -> None:
    before = cam.applications.received("sink").frames
    table = said(cam, "top", "--once", "--namespace", cam.namespace).splitlines()
    assert cam.applications.more("sink").frames > before

    rows = [line.split() for line in table[1:]]
    assert [row[:4] for row in rows] == [
        [f"{cam.namespace}/cam", "sink", "out", "node-a"],
        [f"{cam.namespace}/cam", "source", "in", "node-a"],
    ]
    assert all(0 < float(row[4]) < 100 for row in rows)
    assert all(float(row[5]) > 0 for row in rows)


def test_a_bundle_has_what_support_needs_and_no_secret(cam: Flow, tmp_path: Path) -> None:
    file = tmp_path / "bundle.tar.gz"
    assert said(cam, "dump", "--output", str(file)).strip() == str(file)

    with tarfile.open(file) as archive:
        members = ((member.name, archive.extractfile(member)) for member in archive)
        found = {name.partition("/")[2]: inside.read().decode() for name, inside in members if inside}
    node = cam.release.node_pod("node-a")
    names = {each["metadata"]["name"] for each in json.loads(found["mediaconnections.json"])}
    assert {"cam", "locked"} <= names
    assert '"message"' in found[f"logs/{node}.hub.log"]
    assert '"message"' in found[f"logs/{node}.agent.log"]
    assert "mediamesh_hub_frames_total" in found[f"metrics/{node}.txt"]
    assert "mediamesh_operator_leader" in found[f"metrics/{cam.release.operator_pods()[0]}.txt"]
    everything = "".join(found.values())
    assert PASSWORD not in everything
    key = cam.release.backend.kubectl.get("secret", "mediamesh-ca", namespace=NAMESPACE)["data"]["ca.key"]
    assert key[:40] not in everything
    assert "PRIVATE KEY" not in everything
    assert cam.applications.more("sink").flawless
