"""MediaConnections: what is read, with which defaults, and how each mistake is answered."""

import pickle
import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from mediamesh_core.errors import UserError
from mediamesh_core.formats import BlobFormat
from mediamesh_core.kinds import InvalidKinds, MediaConnection, from_object, load

Spec = dict[str, Any]
WRONG_LINES = ("kind: MediaConection", "      policy: dropoldest", "      queue: 0", "[1]")


def document() -> dict[str, Any]:
    return {
        "apiVersion": "mediamesh.io/v1alpha1",
        "kind": "MediaConnection",
        "metadata": {"name": "cam1"},
        "spec": {
            "payload": {"blob": {"maxSize": 100}},
            "source": {"name": "camera", "pod": {}},
            "sinks": [{"name": "wall", "pod": {"matchLabels": {"app": "wall"}}}],
        },
    }


def read(change: Callable[[Spec], object]) -> MediaConnection:
    """Load the document with its spec changed."""
    changed = document()
    change(changed["spec"])
    (connection,) = load(yaml.safe_dump(changed), "cam.yaml")
    return connection


def refused(change: Callable[[dict[str, Any]], object]) -> list[str]:
    """Load the document, changed; return what is wrong with it."""
    changed = document()
    change(changed)
    with pytest.raises(InvalidKinds) as caught:
        load(yaml.safe_dump(changed), "cam.yaml")
    return [re.sub(r"^cam\.yaml:\d+: ", "", problem) for problem in caught.value.problems]


def test_what_is_not_said_has_a_default() -> None:
    connection = read(lambda spec: spec["source"].pop("name"))
    sink = connection.spec.sinks[0]
    assert connection.full_name == "default/cam1"
    assert connection.spec.source.name == "source"
    assert (sink.delivery.policy, sink.delivery.queue, sink.delivery.start) == ("dropOldest", 4, "newest")
    assert sink.attachments == 4
    assert connection.spec.pool.frames is None
    assert connection.spec.payload.format == BlobFormat(100)


def test_every_endpoint_is_read() -> None:
    peer = {"role": "server", "socket": "@vpp", "id": 7, "secret": "s", "access": "shared", "chunk": 2048, "rings": 2}
    recording = {"path": "a/b-%Y%m%d.mkv", "segmentSeconds": 60, "codec": "ffv1"}
    connection = read(
        lambda spec: spec.update(
            payload={"video": {"width": 16, "height": 16, "frameRate": 25, "pixelFormat": "yuv420p"}},
            source={"file": {"path": "a/b.mp4", "loop": False, "track": 1}, "queue": 9},
            sinks=[
                {"name": "a", "memif": peer},
                {"name": "b", "file": recording},
                {"name": "c", "pod": {"token": "t"}},
            ],
            pool={"frames": 100, "hugePages": True},
        )
    )
    source, (memif, file, pod) = connection.spec.source, connection.spec.sinks
    assert source.file is not None
    assert (source.file.path, source.file.loop, source.file.track, source.queue) == ("a/b.mp4", False, 1, 9)
    assert memif.memif is not None
    assert memif.memif.model_dump(by_alias=True, exclude_none=True) == peer
    assert file.file is not None
    assert file.file.model_dump(by_alias=True, exclude_none=True) == recording
    assert pod.pod is not None
    assert pod.pod.token == "t"
    assert (memif.attachments, file.attachments, pod.attachments) == (1, 1, 4)
    assert (connection.spec.pool.frames, connection.spec.pool.huge_pages) == (100, True)


def test_auto_and_null_pools_are_the_same() -> None:
    assert read(lambda spec: spec.update(pool={"frames": "auto"})).spec.pool == read(lambda spec: None).spec.pool


def test_what_kubernetes_writes_is_left_alone() -> None:
    changed = document()
    changed["metadata"] |= {"uid": "u-1", "resourceVersion": "7", "managedFields": [{}], "labels": {"a": "b"}}
    changed["status"] = {"conditions": []}
    (connection,) = load(yaml.safe_dump(changed))
    assert connection.metadata.uid == "u-1"


def test_models_dump_to_what_was_read() -> None:
    first = read(lambda spec: None)
    assert MediaConnection.model_validate(first.model_dump(by_alias=True)) == first


def test_several_documents_are_read_in_order() -> None:
    other = document()
    other["metadata"] = {"name": "cam2", "namespace": "studio"}
    text = f"---\n{yaml.safe_dump(document())}---\n# nothing\n---\n{yaml.safe_dump(other)}"
    assert [connection.full_name for connection in load(text)] == ["default/cam1", "studio/cam2"]


def test_every_problem_of_every_document_is_listed() -> None:
    bad = document()
    bad["kind"] = "MediaConection"
    bad["spec"]["sinks"][0]["delivery"] = {"policy": "dropoldest", "queue": 0}
    policies = "dropOldest, block, disconnect; did you mean dropOldest?"
    text = f"{yaml.safe_dump(bad)}---\n{yaml.safe_dump(document())}---\n[1]\n"
    with pytest.raises(InvalidKinds) as caught:
        load(text, "cam.yaml")
    kind, policy, queue, last = (text.splitlines().index(line) + 1 for line in WRONG_LINES)
    assert caught.value.problems == [
        f"cam.yaml:{kind}: kind: 'MediaConection' is not MediaConnection, the only word that may stand here",
        f"cam.yaml:{policy}: spec.sinks[0].delivery.policy: 'dropoldest' is not one of {policies}",
        f"cam.yaml:{queue}: spec.sinks[0].delivery.queue: 0 is below the least, 1",
        f"cam.yaml:{last}: [1] is not a MediaConnection",
    ]
    assert caught.value.message == "\n".join(caught.value.problems)
    assert caught.value.reason == "InvalidKinds"
    assert isinstance(caught.value, UserError)


def test_long_lists_are_cut() -> None:
    problems = refused(lambda top: top["spec"].update(sinks=[{"nam": "a"} for _ in range(100)]))
    assert len(problems) == 200
    with pytest.raises(InvalidKinds, match=r"… and 150 more$"):
        load(yaml.safe_dump(document() | {"spec": document()["spec"] | {"sinks": [{"nam": "a"} for _ in range(100)]}}))


def test_an_object_is_read_as_a_text_is() -> None:
    assert from_object(document()) == read(lambda spec: None)


def test_an_object_that_is_wrong_is_answered_without_lines() -> None:
    wrong = document()
    wrong["spec"]["sinks"][0]["delivery"] = {"queue": 0, "polcy": "block"}
    with pytest.raises(InvalidKinds) as refusal:
        from_object(wrong)
    assert len(refusal.value.problems) == 2
    assert all(problem.startswith("spec.sinks[0].delivery.") for problem in refusal.value.problems)


def test_refusal_can_be_pickled() -> None:
    with pytest.raises(InvalidKinds) as caught:
        load("a: b")
    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda top: top.pop("spec"), "spec: is missing"),
        (lambda top: top.update(spce={}), "spce: there is no such field; did you mean spec?"),
        (
            lambda top: top.update(zzzz={}),
            "zzzz: there is no such field; the fields are apiVersion, kind, metadata",
        ),
        (lambda top: top.update(apiVersion="v1"), "apiVersion: 'v1' is not mediamesh.io/v1alpha1, the only word"),
        (lambda top: top.update(metadata={}), "metadata.name: is missing"),
        (lambda top: top.update(metadata={"name": 7}), "metadata.name: 7 is not a text"),
        (lambda top: top.update(metadata="cam"), "metadata: 'cam' is not a mapping of fields"),
        (
            lambda top: top["metadata"].update(name="Cam/1"),
            "metadata.name: 'Cam/1' is not a name: 1 to 63 of a-z",
        ),
        (lambda top: top["metadata"].update(namespace="-x"), "metadata.namespace: '-x' is not a name"),
        (lambda top: top["metadata"].update(name="a" * 64), f"metadata.name: '{'a' * 64}' is not a name"),
        (lambda top: top["spec"].update(sinks={}), "spec.sinks: a mapping is not a list"),
        (lambda top: top["spec"].update(sinks=[7]), "spec.sinks[0]: 7 is not a mapping of fields"),
    ],
)
def test_wrong_document_is_answered(change: Callable[[dict[str, Any]], object], message: str) -> None:
    (problem,) = refused(change)
    assert problem.startswith(message)


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({}, "spec.payload: exactly one of video, audio, ancillary, encoded, blob is needed, not none"),
        ({"blob": {"maxSize": 1}, "audio": {"sampleFormat": "pcm_u8", "channels": 1}}, "spec.payload: exactly one of"),
        ({"vidio": {}}, "spec.payload.vidio: there is no such field; did you mean video?"),
        (
            {"midi": {}},
            "spec.payload.midi: this version does not have it; it has video, audio, ancillary, encoded, blob",
        ),
        ({"blob": {"maxSize": 0}}, "spec.payload.blob.maxSize: 0 is not between 1 and 4294959104"),
        ({"blob": {"maxSize": -3}}, "spec.payload.blob.maxSize: -3 is not between 1 and 4294959104"),
        ({"encoded": {"codec": "aac", "channels": -3}}, "spec.payload.encoded.channels: -3 is not between 1 and 128"),
        ({"blob": {"maxSize": "1k"}}, "spec.payload.blob.maxSize: '1k' is not an integer"),
        ({"ancillary": {"frameRate": 59.94}}, "spec.payload.ancillary.frameRate: 59.94 is not exact; write 60000/1001"),
        (
            {"encoded": {"codec": "h265"}},
            "spec.payload.encoded.codec: 'h265' is not one of the 23 known; did you mean",
        ),
        (
            {"audio": {"sampleFormat": "pcm_u8", "channels": 1, "packetTime": "x"}},
            "spec.payload.audio.packetTime: 'x' is not a time; write 1ms or 125us",
        ),
        (
            {"video": {"width": 4, "height": 4, "frameRate": 25, "pixelFormat": "yuv420"}},
            "spec.payload.video.pixelFormat: 'yuv420' is not one of the 146 known; did you mean yuv420p",
        ),
    ],
)
def test_wrong_payload_is_answered(payload: Spec, message: str) -> None:
    (problem,) = refused(lambda top: top["spec"].update(payload=payload))
    assert problem.startswith(message)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({}, "spec.source: exactly one of pod, memif, file, bridge is needed, not none"),
        (
            {"pod": None},
            "spec.source: exactly one of pod, memif, file, bridge is needed, not none; `pod:` is empty: write `pod",
        ),
        (
            {"file": None},
            "spec.source: exactly one of pod, memif, file, bridge is needed, not none; `file:` is empty: write its",
        ),
        (
            {"pod": {}, "file": {"path": "a"}},
            "spec.source: exactly one of pod, memif, file, bridge is needed, not pod",
        ),
        ({"rtp": {}}, "spec.source.rtp: this version does not have it; it has pod, memif, file, bridge"),
        ({"st2110": {}}, "spec.source.st2110: this version does not have it; it has pod, memif, file, bridge"),
        ({"fiel": {}}, "spec.source.fiel: there is no such field; did you mean file?"),
        ({"pod": {"labels": {}}}, "spec.source.pod.labels: there is no such field; did you mean matchLabels?"),
        ({"pod": {"matchLabels": {"app": 1}}}, "spec.source.pod.matchLabels.app: 1 is not a text"),
        ({"file": {"path": "../x"}}, "spec.source.file.path: '../x' leaves the media folder"),
        ({"file": {"path": "/x"}}, "spec.source.file.path: '/x' leaves the media folder; write a path relative to it"),
        ({"file": {"path": "a/"}}, "spec.source.file.path: 'a/' is not the path of a file"),
        ({"file": {"path": "a\x07"}}, "spec.source.file.path: 'a\\x07' is not the path of a file"),
        ({"file": {"path": "a", "loop": "yes"}}, "spec.source.file.loop: 'yes' is not true or false"),
        ({"file": {"path": "a", "track": -1}}, "spec.source.file.track: -1 is below the least, 0"),
        ({"memif": {"role": "master", "socket": "x"}}, "spec.source.memif.role: 'master' is not one of server, client"),
        ({"memif": {"role": "client"}}, "spec.source.memif.socket: is missing"),
        ({"memif": {"role": "client", "socket": "../x"}}, "spec.source.memif.socket: '../x' is not a socket"),
        ({"memif": {"role": "client", "socket": "a/x"}}, "spec.source.memif.socket: 'a/x' is not a socket"),
        ({"memif": {"role": "client", "socket": "@"}}, "spec.source.memif.socket: '@' is not a socket"),
        (
            {"memif": {"role": "client", "socket": "x", "id": 2**32}},
            "spec.source.memif.id: 4294967296 is above the most, 4294967295",
        ),
        (
            {"memif": {"role": "client", "socket": "x", "secret": "ä" * 13}},
            "spec.source.memif.secret: has 26 bytes, a memif secret has at most 24",
        ),
        ({"bridge": {}}, "spec.source.bridge.name: is missing"),
        ({"bridge": {"name": "../x"}}, "spec.source.bridge.name: '../x' is not a name"),
        ({"bridge": {"name": "file"}}, "spec.source.bridge.name: 'file' is a bridge of mediamesh; write `file:` in"),
        ({"bridge": {"name": "tone", "config": {"pitch": 440}}}, "spec.source.bridge.config.pitch: 440 is not a text"),
        (
            {"bridge": {"name": "tone", "config": {"a b": ""}}},
            "spec.source.bridge.config.a b: 'a b' is not the name of",
        ),
        ({"bridge": {"name": "tone", "config": {"a": "x" * 4097}}}, "spec.source.bridge.config.a: 'xxxx"),
        ({"bridge": {"name": "tone", "config": dict.fromkeys(map("a{}".format, range(65)), "")}}, "spec.source.bridge"),
        ({"pod": {}, "queue": 10000}, "spec.source.queue: 10000 is above the most, 8192"),
        ({"pod": {}, "waitForSinks": 99}, "spec.source.waitForSinks: 99 sinks can never be attached"),
    ],
)
def test_wrong_source_is_answered(source: Spec, message: str) -> None:
    (problem,) = refused(lambda top: top["spec"].update(source=source))
    assert problem.startswith(message)


@pytest.mark.parametrize(
    ("sink", "message"),
    [
        (
            {"file": {"path": "x.avi"}},
            "spec.sinks[0].file.path: 'x.avi' does not say which file it is to be; end it",
        ),
        ({"file": {"path": "%D.mkv"}}, "spec.sinks[0].file.path: '%D' is not a part of a date; use %Y"),
        ({"file": {"path": "100%.mkv"}}, "spec.sinks[0].file.path: '%.' is not a part of a date"),
        ({"file": {"path": "x.mkv", "loop": True}}, "spec.sinks[0].file.loop: there is no such field"),
        ({"file": {"path": "x.mkv", "codec": "X 2"}}, "spec.sinks[0].file.codec: 'X 2':"),
        ({"file": {"path": "x.mkv"}, "maxAttachments": 2}, "spec.sinks[0].maxAttachments: 2 is more than 1"),
        ({"bridge": {"name": "tone"}, "maxAttachments": 2}, "spec.sinks[0].maxAttachments: 2 is more than 1"),
        ({"pod": {}, "maxAttachments": 0}, "spec.sinks[0].maxAttachments: 0 is below the least, 1"),
        ({"pod": {}, "delivery": {"policy": None}}, "spec.sinks[0].delivery.policy: None is not one of dropOldest"),
        (
            {"pod": {}, "delivery": {"strat": "next"}},
            "spec.sinks[0].delivery.strat: there is no such field; did you mean",
        ),
        ({"pod": {}, "name": "camera"}, "spec.sinks: the name 'camera' is given to two endpoints; each needs its own"),
        ({"pod": {}, "name": "a b"}, "spec.sinks[0].name: 'a b' is not a name"),
    ],
)
def test_wrong_sink_is_answered(sink: Spec, message: str) -> None:
    (problem,) = refused(lambda top: top["spec"].update(sinks=[{"name": "wall"} | sink]))
    assert problem.startswith(message)


@pytest.mark.parametrize(
    ("pool", "message"),
    [
        ({"frames": "lots"}, "spec.pool.frames: 'lots' is neither auto nor an integer"),
        ({"frames": 0}, "spec.pool.frames: 0 is below the least, 1"),
        ({"hugepages": True}, "spec.pool.hugepages: there is no such field; did you mean hugePages?"),
    ],
)
def test_wrong_pool_is_answered(pool: Spec, message: str) -> None:
    (problem,) = refused(lambda top: top["spec"].update(pool=pool))
    assert problem.startswith(message)
