"""`kubectl mediamesh`: its pure parts, on objects as the API server gives them, and its program on a test's kubectl.

`make e2e` runs the program on a real cluster.
"""

import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from mediamesh_operator.kubectl.bundle import BLOT, documents, pack, redacted
from mediamesh_operator.kubectl.client import Kubectl, KubectlFailed, scope
from mediamesh_operator.kubectl.main import main
from mediamesh_operator.kubectl.rows import look, rows
from mediamesh_operator.kubectl.trace import trace
from mediamesh_operator.kubectl.tree import tree

MISSING = Kubectl(program="there-is-no-such-program")
NODES = [{"metadata": {"name": "node-a"}}]


def condition(kind: str, status: str, reason: str, message: str = "") -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": "2026-11-21T10:00:00Z",
        "observedGeneration": 1,
    }


def connection(*conditions: dict[str, Any], generation: int = 1, **status: Any) -> dict[str, Any]:
    status = {"observedGeneration": 1, "conditions": list(conditions), **status}
    return {"metadata": {"name": "cam1", "namespace": "studio", "generation": generation}, "status": status}


def end(name: str, role: str, state: str, pod: str = "", message: str = "") -> dict[str, Any]:
    return {"name": name, "role": role, "kind": "pod", "state": state, "pod": pod, "node": "node-a", "message": message}


READY = connection(
    condition("Accepted", "True", "Accepted"),
    condition("Programmed", "True", "Programmed"),
    condition("Ready", "True", "Flowing"),
    node="node-a",
    rate="59.94/s",
    sinks="1/1",
    endpoints=[end("camera", "source", "Attached", "camera-0"), end("analytics", "sink", "Attached", "analytics-7")],
)
STUCK = connection(
    condition("Accepted", "True", "Accepted"),
    condition("Programmed", "False", "NoTransport", "sink gallery is on node-b, the flow on node-a"),
    condition("Ready", "False", "NotProgrammed"),
    node="node-a",
    endpoints=[end("camera", "source", "Attached", "camera-0"), end("gallery", "sink", "NoTransport", "gallery-1")],
)


def test_a_tree_shows_endpoints_below_their_connection() -> None:
    assert list(tree([READY])) == [
        "studio/cam1  Ready  59.94/s  on node-a",
        "├─ from camera  pod camera-0 on node-a  Attached",
        "└─ to   analytics  pod analytics-7 on node-a  Attached",
    ]


def test_a_tree_names_what_is_in_the_way() -> None:
    assert next(tree([STUCK])).startswith("studio/cam1  NoTransport")
    assert next(tree([{"metadata": READY["metadata"]}])) == "studio/cam1  Unseen"


def test_what_is_ready_is_traced_in_a_line() -> None:
    assert list(trace(READY, NODES)) == ["studio/cam1: Ready, 59.94/s, 1/1 sinks, on node-a"]


def test_the_first_obstacle_is_the_reason_and_comes_with_advice() -> None:
    lines = list(trace(STUCK, NODES))
    assert lines[0] == "studio/cam1: not Ready"
    assert lines[1:4] == [
        "  Programmed is False since 2026-11-21T10:00:00Z: NoTransport",
        "  sink gallery is on node-b, the flow on node-a",
        "  Put the pods on one node, by nodeSelector or podAffinity.",
    ]
    assert "NotProgrammed" not in "".join(lines)
    assert "  sink gallery (pod gallery-1): NoTransport" in lines


@pytest.mark.parametrize(
    ("body", "nodes", "words"),
    [
        ({"metadata": READY["metadata"]}, NODES, "the operator has not looked at it yet"),
        (connection(*STUCK["status"]["conditions"], generation=2), NODES, "newest version"),
        (STUCK, [], "no agent has ever reported"),
    ],
)
def test_what_the_operator_cannot_tell_is_said(body: Any, nodes: Any, words: str) -> None:
    assert words in "\n".join(trace(body, nodes))


PAGE = """# TYPE mediamesh_hub_frames_total counter
mediamesh_hub_frames_total{connection="studio/cam1",endpoint="camera",direction="in"} %d
mediamesh_hub_frames_total{connection="studio/cam1",endpoint="analytics",direction="out"} %d
# TYPE mediamesh_hub_bytes_total counter
mediamesh_hub_bytes_total{connection="studio/cam1",endpoint="camera",direction="in"} %d
# TYPE mediamesh_hub_frames_dropped_total counter
mediamesh_hub_frames_dropped_total{connection="studio/cam1",endpoint="analytics",reason="QueueFull"} %d
# TYPE mediamesh_hub_ring_occupancy_ratio gauge
mediamesh_hub_ring_occupancy_ratio{connection="studio/cam1",endpoint="analytics"} 0.75
"""


def test_rates_are_what_changed_between_two_looks() -> None:
    before, after = look(PAGE % (100, 90, 0, 10), 10.0), look(PAGE % (220, 150, 2_000_000, 70), 12.0)
    assert list(rows("node-a", before, after)) == [
        ("studio/cam1", "analytics", "out", "node-a", 30.0, 0.0, 30.0, 75.0),
        ("studio/cam1", "camera", "in", "node-a", 60.0, 8.0, 0.0, 0.0),
    ]


def test_a_counter_that_began_anew_is_no_negative_rate() -> None:
    before, after = look(PAGE % (100, 90, 0, 10), 10.0), look(PAGE % (5, 5, 0, 0), 11.0)
    assert all(row[4] == 0 for row in rows("node-a", before, after))


def test_a_bundle_has_no_secrets() -> None:
    body = {
        "metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "psst", "a": "b"}},
        "spec": {
            "source": {"pod": {"token": "psst", "matchLabels": {"app": "camera"}}},
            "sinks": [
                {"memif": {"secret": "psst"}},
                {"bridge": {"name": "cdn", "config": {"streamKey": "psst", "url": "rtmp://me:psst@cdn.test"}}},
            ],
        },
    }
    made = redacted(body)
    assert "psst" not in str(made)
    assert made["spec"]["sinks"][1]["bridge"] == {"name": "cdn", "config": {"streamKey": BLOT, "url": BLOT}}
    assert made["spec"]["source"]["pod"] == {"token": BLOT, "matchLabels": {"app": "camera"}}
    assert made["metadata"]["annotations"] == {"a": "b"}


def test_a_bundle_tells_what_could_not_be_had() -> None:
    packed = pack(documents(MISSING), "bundle", 1)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        names = archive.getnames()
        events = archive.extractfile("bundle/events.txt")
        assert events is not None
        assert b"cannot be started" in events.read()
    assert names == [
        f"bundle/{name}"
        for name in (
            "mediaconnections.json",
            "medianetworks.json",
            "medianodes.json",
            "version.json",
            "nodes.txt",
            "events.txt",
            "pods.json",
        )
    ]


def test_a_missing_kubectl_is_a_plain_message(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert main(["tree"]) == 1
    assert capsys.readouterr().err.startswith("kubectl mediamesh: kubectl cannot be started")


def test_what_kubectl_says_is_passed_on() -> None:
    with pytest.raises(KubectlFailed, match="status 3"):
        Kubectl(("-c", "exit 3"), program="sh").run("get")


def test_a_namespace_is_kubectls_own_unless_told() -> None:
    assert scope(None, everywhere=False) == ()
    assert scope("studio", everywhere=False) == ("-n", "studio")
    assert scope("studio", everywhere=True) == ("-A",)


KUBECTL = """#!/bin/sh
case "$*" in
*" --raw "*node-a*) cat page; sed 's/\\([0-9]\\)$/\\10/' page >next; mv next page ;;
*" --raw "*) echo 'the node is away' >&2; exit 1 ;;
*" pods "*) cat pods ;;
esac
"""
"""Knows the metrics of node-a, which grow each time that they are asked for."""


@pytest.fixture
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder of a kubectl that knows two nodes, one of which does not answer."""
    program = tmp_path / "kubectl"
    program.write_text(KUBECTL)
    program.chmod(0o700)
    (tmp_path / "page").write_text(PAGE % (1, 1, 1, 1))
    put_pods(tmp_path, "node-a", "node-b")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put_pods(folder: Path, *names: str) -> None:
    pods = [
        {
            "metadata": {"namespace": "mediamesh-system", "name": name},
            "spec": {"nodeName": name},
            "status": {"phase": "Running"},
        }
        for name in names
    ]
    (folder / "pods").write_text(json.dumps({"items": pods}))


TOP = ["top", "--once", "--interval", "0.1"]


def test_a_node_that_cannot_be_asked_is_told_of_beside_the_others(
    nodes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(TOP) == 0
    said = capsys.readouterr()
    assert [line.split()[:4] for line in said.out.splitlines()[1:]] == [
        ["studio/cam1", "analytics", "out", "node-a"],
        ["studio/cam1", "camera", "in", "node-a"],
    ]
    assert said.err == "kubectl mediamesh: node node-b cannot be asked: the node is away\n"


@pytest.mark.parametrize(("namespace", "lines"), [("studio", 3), ("stud", 1)])
def test_rates_of_one_namespace_are_no_others(
    nodes: Path, capsys: pytest.CaptureFixture[str], namespace: str, lines: int
) -> None:
    assert main([*TOP, "--namespace", namespace]) == 0
    assert len(capsys.readouterr().out.splitlines()) == lines


def test_without_nodes_it_is_said_where_to_look(nodes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put_pods(nodes)
    assert main(TOP) == 1
    assert "app.kubernetes.io/component=node" in capsys.readouterr().err


def test_what_a_terminal_would_obey_is_not_shown(nodes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = nodes / "page"
    page.write_text(page.read_text().replace("analytics", "\x1b[2Janalytics"))
    assert main(TOP) == 0
    assert "?[2Janalytics" in capsys.readouterr().out


@pytest.mark.parametrize("page", ["<html>", 'mediamesh_hub_frames_total{a="b"} 1\n', "mediamesh_hub_frames_total x\n"])
def test_a_page_that_is_none_of_ours_is_said_to_be_none(page: str) -> None:
    with pytest.raises(KubectlFailed, match="its metrics cannot be read"):
        look(page, 1.0)


@pytest.mark.parametrize("interval", ["0", "-1", "nan", "inf", "soon", "1e9"])
def test_a_pause_that_cannot_be_is_wrong_usage(interval: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["top", "--interval", interval])
    assert ended.value.code == 2
    assert f"{interval!r} is no number of seconds from 0.1 to 3600" in capsys.readouterr().err
