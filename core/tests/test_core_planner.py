"""The planner: what a node is told to run for given connections."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediamesh_core.errors import UserError
from mediamesh_core.formats import from_json, from_spec
from mediamesh_core.kinds import MediaConnection
from mediamesh_core.plan import EndpointPlan, FlowPlan, MemifPlan
from mediamesh_core.planner import Observed, local_node, plan, plan_here

HERE = local_node("here")
BLOB = {"blob": {"maxSize": 100}}
ENCODED = {"encoded": {"codec": "h264"}}


def connection(name: str = "cam1", *, namespace: str = "default", **spec: Any) -> MediaConnection:
    whole = {"payload": BLOB, "source": {"pod": {}}, "sinks": [{"name": "wall", "pod": {}}]} | spec
    return MediaConnection.model_validate(
        {
            "apiVersion": "mediamesh.io/v1alpha1",
            "kind": "MediaConnection",
            "metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}"},
            "spec": whole,
        }
    )


def flow(**spec: Any) -> FlowPlan:
    (only,) = plan_here([connection(**spec)], HERE).flows
    return only


def sinks(*ends: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"name": f"sink{number}"} | end for number, end in enumerate(ends)]


def test_nothing_wanted_is_an_empty_plan() -> None:
    node = plan_here([], HERE)
    assert (node.node, node.revision, node.flows) == ("here", 1, ())


def test_flow_says_what_the_connection_says() -> None:
    made = flow(payload={"audio": {"sampleFormat": "pcm_s16le", "channels": 2}}, pool={"hugePages": True})
    assert (made.connection, made.uid, made.capacity, made.huge_pages, made.polling) == (
        *("default/cam1", "uid-cam1", 192, True, False),
    )
    assert from_json(made.payload) == from_spec({"audio": {"sampleFormat": "pcm_s16le", "channels": 2}})


def test_sink_says_what_its_delivery_says() -> None:
    delivery = {"policy": "block", "queue": 9, "start": "next"}
    (sink,) = flow(sinks=sinks({"pod": {}, "delivery": delivery, "maxAttachments": 3})).sinks
    assert (sink.name, sink.policy, sink.queue, sink.start, sink.max_attachments) == ("sink0", "block", 9, "next", 3)


def test_local_applications_attach_at_the_root() -> None:
    made = flow(source={"pod": {"matchLabels": {"app": "camera"}, "token": "t"}})
    assert made.source.endpoint == EndpointPlan("pod", folders=("",), token="t")
    assert made.sinks[0].endpoint == EndpointPlan("pod", folders=("",))


def test_files_are_bridges_with_canonical_settings() -> None:
    made = flow(
        payload=ENCODED,
        source={"file": {"path": "film.mp4", "track": 1}},
        sinks=sinks({"file": {"path": "a-%Y.mkv", "segmentSeconds": 5}}),
    )
    assert made.source.endpoint == EndpointPlan(
        "bridge", bridge="file", config='{"loop":true,"path":"film.mp4","track":1}'
    )
    assert json.loads(made.sinks[0].endpoint.config) == {"path": "a-%Y.mkv", "segmentSeconds": 5}
    assert made.sinks[0].max_attachments == 1


def test_foreign_bridges_get_their_settings_as_they_are() -> None:
    tone = {"name": "tone", "config": {"pitch": "440", "Level": "-20 dB"}}
    made = flow(source={"bridge": tone}, sinks=sinks({"bridge": {"name": "meter"}}))
    assert made.source.endpoint == EndpointPlan("bridge", bridge="tone", config='{"Level":"-20 dB","pitch":"440"}')
    assert made.sinks[0].endpoint == EndpointPlan("bridge", bridge="meter", config="{}")
    assert made.sinks[0].max_attachments == 1


def test_stock_peers_keep_their_settings() -> None:
    made = flow(
        source={"memif": {"role": "client", "socket": "dpdk.sock", "secret": "s", "chunk": 2048}},
        sinks=sinks({"memif": {"role": "server", "socket": "@vpp", "id": 7, "access": "shared", "rings": 2}}),
    )
    assert made.source.endpoint.memif == MemifPlan("client", "dpdk.sock", secret="s", chunk=2048)
    assert made.sinks[0].endpoint.memif == MemifPlan("server", "@vpp", id=7, access="shared", rings=2)


def test_polling_is_the_nodes() -> None:
    (made,) = plan_here([connection()], local_node("here", polling=True)).flows
    assert made.polling


def test_revision_follows_the_one_in_force() -> None:
    assert plan([], [HERE], observed=Observed(revisions={"here": 7})).nodes["here"].revision == 8


def test_order_of_the_connections_does_not_matter() -> None:
    several = [connection("b"), connection("a"), connection("a", namespace="studio")]
    assert plan(several, [HERE]) == plan(several[::-1], [HERE])
    assert [made.connection for made in plan_here(several, HERE).flows] == ["default/a", "default/b", "studio/a"]


def refused(*connections: MediaConnection) -> UserError:
    with pytest.raises(UserError) as caught:
        plan_here(connections, HERE)
    return caught.value


def test_connection_defined_twice_is_refused() -> None:
    error = refused(connection(), connection())
    assert (error.reason, error.message) == ("DuplicateConnection", "default/cam1 is defined twice; remove one")


def test_two_recordings_into_one_file_are_refused() -> None:
    one = {"file": {"path": "a/x.raw"}}
    same = {"file": {"path": "a//./x.raw"}}
    error = refused(connection(sinks=sinks(one, same)))
    assert error.reason == "FileConflict"
    assert error.message == (
        "file a/x.raw is written by two sinks: default/cam1 sink0 and default/cam1 sink1; change one of them"
    )
    assert refused(connection("a", sinks=sinks(one)), connection("b", sinks=sinks(same))).reason == "FileConflict"


def test_one_file_may_feed_two_connections() -> None:
    source = {"file": {"path": "film.mp4"}}
    both = [connection(name, payload=ENCODED, source=source) for name in ("a", "b")]
    assert len(plan_here(both, HERE).flows) == 2


def test_one_memif_interface_for_two_ends_is_refused() -> None:
    peer = {"memif": {"role": "client", "socket": "x", "id": 1}}
    error = refused(connection("a", source=peer), connection("b", source=peer))
    assert error.reason == "MemifConflict"
    assert error.message.startswith("memif x id 1 is used by two endpoints: default/a source and default/b source")


def test_interfaces_share_a_socket_only_in_one_role() -> None:
    first = {"memif": {"role": "client", "socket": "x", "id": 1}}
    second = {"memif": {"role": "client", "socket": "x", "id": 2}}
    assert plan_here([connection(source=first, sinks=sinks(second))], HERE).flows
    error = refused(connection(source=first, sinks=sinks({"memif": second["memif"] | {"role": "server"}})))
    assert error.reason == "MemifConflict"
    assert "x has two roles" in error.message


ENDS = st.one_of(
    st.fixed_dictionaries({"pod": st.just({}), "maxAttachments": st.integers(1, 9)}),
    st.integers(0, 2**32 - 1).map(lambda number: {"memif": {"role": "client", "socket": "s", "id": number}}),
)
QUEUED = st.builds(lambda end, queue: end | {"delivery": {"queue": queue}}, ENDS, st.integers(1, 64))
UNIQUE = st.lists(QUEUED, max_size=6, unique_by=lambda end: repr(end.get("memif", end)))


@given(UNIQUE, st.integers(1, 1 << 20), st.none() | st.integers(1, 100))
def test_pool_holds_whatever_everyone_can_have(ends: list[dict[str, Any]], size: int, queue: int | None) -> None:
    made = flow(payload={"blob": {"maxSize": size}}, sinks=sinks(*ends), source={"pod": {}, "queue": queue})
    assert made.capacity == size
    assert made.frames == 1 + made.source.queue + sum(sink.queue * sink.max_attachments for sink in made.sinks)
    assert made.source.queue == (queue or made.source.queue)
    assert made.source.queue > 0
