"""The kinds at a real API server: it says of each object of the corpus what our validators say, and keeps a status."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from mediamesh_testing.objects import ObjectCase, object_cases, with_strangers

from mediamesh_core.crds import CUSTOM_RESOURCES, definition
from mediamesh_core.kinds import ConnectionStatus
from mediamesh_core.planner import PlacedEndpoint, Verdict
from mediamesh_core.status import Observation, SeenAttachment, status
from mediamesh_e2e.backends.backend import Backend
from mediamesh_e2e.errors import ProgramFailed

CRDS = Path(__file__).parents[2] / "crds"
CASES = list(object_cases())
PLURALS = {"MediaConnection": "namespaces/default/mediaconnections", "MediaNetwork": "medianetworks"}


@pytest.fixture(scope="module")
def kinds(backend: Backend) -> Iterator[Backend]:
    """Give a cluster that has the kinds; takes them away again unless they were there."""
    there = backend.kubectl("get", "crd", "mediaconnections.mediamesh.io", "--ignore-not-found", "--output=name")
    if not there:
        backend.kubectl("apply", "-f", str(CRDS))
    backend.kubectl("wait", "--for=condition=Established", "crd", "mediaconnections.mediamesh.io", "--timeout=30s")
    backend.kubectl("wait", "--for=condition=Established", "crd", "medianetworks.mediamesh.io", "--timeout=30s")
    yield backend
    if not there:
        backend.kubectl("delete", "-f", str(CRDS))


def created(kinds: Backend, case: ObjectCase) -> str:
    """Try to create the object; return what the API server says against it."""
    path = f"/apis/mediamesh.io/v1alpha1/{PLURALS[case.kind]}?dryRun=All&fieldValidation=Strict"
    try:
        kinds.kubectl("create", "--raw", path, "-f", "-", given=json.dumps(case.body))
    except ProgramFailed as error:
        return error.message
    return ""


@pytest.mark.parametrize("case", CASES, ids=str)
def test_api_server_says_what_the_corpus_tells(kinds: Backend, case: ObjectCase) -> None:
    answer = created(kinds, case)
    assert case.api in answer
    assert bool(case.api) == bool(answer), answer


@pytest.mark.parametrize("kind", PLURALS)
def test_no_mapping_takes_a_field_that_it_does_not_have(kinds: Backend, kind: str) -> None:
    (resource,) = (each for each in CUSTOM_RESOURCES if each.kind == kind)
    schema = definition(resource)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    spec, paths = with_strangers(schema["properties"]["spec"], "spec")
    body = {"apiVersion": "mediamesh.io/v1alpha1", "kind": kind, "metadata": {"name": "strange"}, "spec": spec}
    answer = created(kinds, ObjectCase("strange", kind, body, "", ""))
    assert [path for path in paths if f'unknown field "{path}"' not in answer] == []
    assert len(paths) > 5


def test_what_is_left_out_has_its_default(kinds: Backend, namespace: str) -> None:
    kinds.kubectl.apply(body(), namespace=namespace)
    spec = kinds.kubectl.get("mc", "cam1", namespace=namespace)["spec"]
    assert spec["sinks"][0]["delivery"] == {"policy": "dropOldest", "queue": 4, "start": "newest"}
    assert spec["source"]["waitForSinks"] == 0
    assert spec["pool"] == {"hugePages": False}


def test_status_is_kept_as_it_was_written_and_shown_in_columns(kinds: Backend, namespace: str) -> None:
    kinds.kubectl.apply(body(), namespace=namespace)
    written = whole()
    place = ("--namespace", namespace, "--server-side", "--subresource=status", "--field-manager=test", "-f", "-")
    kinds.kubectl("apply", *place, given=json.dumps(body() | {"status": written.as_object()}))
    assert ConnectionStatus.read(kinds.kubectl.get("mc", "cam1", namespace=namespace)["status"]) == written
    heading, row = kinds.kubectl("get", "mediamesh", "--namespace", namespace).splitlines()
    assert heading.split() == ["NAME", "READY", "SOURCE", "SINKS", "NODE", "RATE", "AGE"]
    assert row.split()[:-1] == ["mediaconnection.mediamesh.io/cam1", "True", "camera-0", "1/2", "n1", "25/s"]


def body() -> dict[str, Any]:
    return next(case.body for case in CASES if str(case) == "MediaConnection-as-it-is")


def whole() -> ConnectionStatus:
    """A status with something in every field."""
    ends = (
        PlacedEndpoint("camera", "source", "pod", "n1", "camera-0", "c"),
        PlacedEndpoint("wall", "sink", "pod", "n1", "wall-0", "w"),
        PlacedEndpoint("archive", "sink", "file", "n1"),
    )
    attached = (SeenAttachment("camera", "c", 9), SeenAttachment("wall", "w", 9, 3))
    seen = Observation(in_force=True, state="Flowing", rate=25.0, attachments=attached, ended={"archive": "disk full"})
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return status(Verdict(node="n1", endpoints=ends), seen, None, generation=1, now=now)
