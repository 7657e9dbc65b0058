"""The planner in a cluster: where flows live, who takes part, and what is said of the rest."""

from typing import Any

import pytest

from mediamesh_core.kinds import MediaConnection
from mediamesh_core.plan import EndpointPlan, FlowPlan
from mediamesh_core.planner import Node, Observed, PlacedEndpoint, Plans, Pod, Verdict, plan

NODES = (Node("n1"), Node("n2"))
CAMERA = {"matchLabels": {"app": "camera"}}
WALL = {"matchLabels": {"app": "wall"}}
ENCODED = {"encoded": {"codec": "h264"}}


def connection(
    name: str = "cam1", *, source: Any = None, sinks: Any = None, created: str = "", **spec: Any
) -> MediaConnection:
    whole = {
        "payload": {"blob": {"maxSize": 100}},
        "source": source or {"pod": CAMERA},
        "sinks": [{"name": "wall", "pod": WALL}] if sinks is None else sinks,
    }
    return MediaConnection.model_validate(
        {
            "apiVersion": "mediamesh.io/v1alpha1",
            "kind": "MediaConnection",
            "metadata": {"name": name, "namespace": "studio", "uid": f"uid-{name}", "creationTimestamp": created},
            "spec": whole | spec,
        }
    )


def camera(uid: str, node: str = "n1", **facts: Any) -> Pod:
    return Pod(uid, "studio", node, {"app": "camera"}, f"camera-{uid}", **facts)


def wall(uid: str, node: str = "n1", **facts: Any) -> Pod:
    return Pod(uid, "studio", node, {"app": "wall"}, f"wall-{uid}", **facts)


def planned(
    *pods: Pod, wanted: MediaConnection | None = None, nodes: tuple[Node, ...] = NODES, was: str = ""
) -> tuple[Verdict, FlowPlan | None]:
    """Plan one connection; return its verdict, and its flow if a node has it."""
    observed = Observed(placed={"studio/cam1": was} if was else {})
    plans = plan([wanted or connection()], nodes, pods, observed)
    flows = [flow for node in plans.nodes.values() for flow in node.flows]
    assert len(flows) <= 1
    return plans.verdicts["studio/cam1"], flows[0] if flows else None


def reasons(verdict: Verdict) -> dict[str, str]:
    return {end.pod or end.name: end.reason for end in verdict.endpoints}


def test_flow_lives_where_its_source_is() -> None:
    plans = plan([connection()], NODES, [camera("c", "n2"), wall("w1", "n2"), wall("w2", "n2")])
    verdict = plans.verdicts["studio/cam1"]
    assert (verdict.accepted, verdict.programmable, verdict.reason, verdict.node) == (True, True, "", "n2")
    (flow,) = plans.nodes["n2"].flows
    assert flow.source.endpoint == EndpointPlan("pod", folders=("pods/c",))
    assert flow.sinks[0].endpoint.folders == ("pods/w1", "pods/w2")
    assert plans.nodes["n1"].flows == ()
    assert verdict.endpoints[0] == PlacedEndpoint("source", "source", "pod", "n2", "camera-c", "c")


def test_node_plan_says_which_pods_mount_the_volume() -> None:
    stranger = Pod("s", "other", "n1", {}, "stranger")
    plans = plan([], NODES, [wall("w"), stranger, camera("x", mounted=False), camera("y", node="")])
    assert plans.nodes["n1"].pods == ("s", "w")
    assert plans.nodes["n2"].pods == ()
    assert plans.nodes["n1"].cluster


def test_revision_follows_the_one_in_force_on_each_node() -> None:
    plans = plan([], NODES, observed=Observed(revisions={"n1": 4}))
    assert (plans.nodes["n1"].revision, plans.nodes["n2"].revision) == (5, 1)


def test_oldest_ready_pod_is_the_source_and_the_others_wait() -> None:
    old = camera("old", created="2026-01-01T00:00:00Z", ready=False)
    middle = camera("middle", "n2", created="2026-01-02T00:00:00Z")
    young = camera("young", created="2026-01-03T00:00:00Z")
    verdict, flow = planned(young, middle, old)
    assert flow is not None
    assert flow.source.endpoint.folders == ("pods/middle",)
    assert (verdict.node, verdict.reason) == ("n2", "")
    assert reasons(verdict) == {
        "camera-old": "NotReady",
        "camera-middle": "",
        "camera-young": "Standby",
        "wall": "NoPod",
    }


def test_without_a_ready_source_the_flow_stays_where_it_was() -> None:
    verdict, flow = planned(wall("w", "n2"), was="n2")
    assert flow is not None
    assert (flow.source.endpoint.folders, flow.sinks[0].endpoint.folders) == ((), ("pods/w",))
    assert (verdict.accepted, verdict.programmable, verdict.reason, verdict.node) == (True, False, "NoSource", "n2")
    assert verdict.message == "source source: namespace studio has no pod with app=camera"


def test_source_that_is_not_ready_keeps_its_place() -> None:
    older = camera("a", "n1", created="2026-01-01T00:00:00Z", ready=False)
    here = camera("b", "n2", created="2026-01-02T00:00:00Z", ready=False)
    verdict, flow = planned(older, here, was="n2")
    assert flow is not None
    assert flow.source.endpoint.folders == ("pods/b",)
    assert (verdict.reason, verdict.node) == ("NoSource", "n2")
    assert verdict.message == "source source: pod camera-a, camera-b is not ready"


def test_connection_that_never_had_a_source_is_nowhere() -> None:
    verdict, flow = planned(wall("w"))
    assert flow is None
    assert (verdict.reason, verdict.node) == ("NoSource", "")
    assert reasons(verdict) == {"source": "NoPod", "wall-w": "NoSource"}


def test_flow_does_not_stay_on_a_node_that_is_gone() -> None:
    verdict, flow = planned(wall("w"), was="n9")
    assert (verdict.node, flow) == ("", None)


def test_pod_that_does_not_mount_the_volume_is_no_source() -> None:
    verdict, _ = planned(camera("c", mounted=False), wall("w"))
    assert verdict.reason == "SourceNotMounted"
    assert "pod camera-c of source source has no folder" in verdict.message
    assert reasons(verdict)["camera-c"] == "NotMounted"


def test_pods_that_do_not_mount_it_are_passed_over_beside_one_that_does() -> None:
    verdict, _ = planned(camera("c"), camera("d", mounted=False), wall("w"), wall("x", mounted=False))
    assert verdict.reason == ""
    assert reasons(verdict) == {"camera-c": "", "wall-w": ""}


def test_sink_of_which_no_pod_mounts_it_is_told() -> None:
    verdict, flow = planned(camera("c"), wall("x", mounted=False))
    assert flow is not None
    assert flow.sinks[0].endpoint.folders == ()
    assert (verdict.reason, reasons(verdict)["wall-x"]) == ("SinkNotMounted", "NotMounted")


def test_node_without_an_agent_is_told_and_keeps_its_plan() -> None:
    verdict, flow = planned(camera("c"), wall("w"), nodes=(Node("n1", ready=False), Node("n2")))
    assert flow is not None
    assert (verdict.reason, verdict.node) == ("NoAgent", "n1")
    assert verdict.message == "the agent of node n1 is not connected; what runs there goes on"


def test_pod_on_a_node_that_nobody_knows_has_no_agent() -> None:
    verdict, flow = planned(camera("c", "n9"))
    assert flow is None
    assert verdict.reason == "NoAgent"


def test_sinks_on_other_nodes_wait_for_a_transport() -> None:
    verdict, flow = planned(camera("c"), wall("w1"), wall("w2", "n2"))
    assert flow is not None
    assert flow.sinks[0].endpoint.folders == ("pods/w1",)
    assert (verdict.accepted, verdict.programmable, verdict.reason) == (True, False, "NoTransport")
    assert (
        verdict.message
        == "sink wall is on n2 and the source on n1; nothing carries frames between nodes: put them on one"
    )
    assert reasons(verdict)["wall-w2"] == "NoTransport"


def test_sinks_need_not_be_ready() -> None:
    _, flow = planned(camera("c"), wall("w", ready=False))
    assert flow is not None
    assert flow.sinks[0].endpoint.folders == ("pods/w",)


FILE_SOURCE = {"file": {"path": "film.mp4"}}


def played(*pods: Pod, was: str = "", nodes: tuple[Node, ...] = NODES, **file: Any) -> tuple[Verdict, FlowPlan | None]:
    source = {"file": {"path": "film.mp4", **file}}
    return planned(*pods, wanted=connection(source=source, payload=ENCODED), was=was, nodes=nodes)


def test_file_is_played_where_most_sinks_are() -> None:
    verdict, flow = played(wall("a", "n2"), wall("b", "n2"), wall("c"))
    assert flow is not None
    assert (verdict.node, flow.source.endpoint.bridge) == ("n2", "file")
    assert flow.source.endpoint.config == '{"loop":true,"path":"studio/film.mp4"}'


def test_among_equals_the_first_node_by_name_plays() -> None:
    assert played(wall("a", "n2"), wall("c", "n1"))[0].node == "n1"
    assert played()[0].node == "n1"


def test_file_stays_where_it_serves_a_sink() -> None:
    assert played(wall("a", "n1"), wall("b", "n1"), wall("c", "n2"), was="n2")[0].node == "n2"
    assert played(wall("a", "n1"), was="n2")[0].node == "n1"
    assert played(was="n2")[0].node == "n2"


def test_node_with_an_agent_is_preferred_for_a_file() -> None:
    nodes = (Node("n1", ready=False), Node("n2"))
    assert played(wall("a", "n1"), wall("b", "n2"), nodes=nodes)[0].node == "n2"
    assert played(nodes=nodes)[0].node == "n2"
    alone = played(wall("a", "n1"), nodes=nodes)[0]
    assert (alone.node, alone.reason) == ("n1", "NoAgent")


def test_no_node_at_all_is_no_agent() -> None:
    verdict, flow = played(nodes=())
    assert (verdict.node, verdict.reason, flow) == ("", "NoAgent", None)


def test_file_is_played_where_it_is_said_to_be() -> None:
    verdict, flow = played(wall("a", "n1"), nodeName="n2", was="n1")
    assert flow is not None
    assert (verdict.node, verdict.reason) == ("n2", "NoTransport")
    assert "nodeName" not in flow.source.endpoint.config


def test_named_node_must_exist() -> None:
    verdict, flow = played(wall("a"), nodeName="n9")
    assert flow is None
    assert (verdict.reason, verdict.message) == ("NoNode", "source source: there is no node n9")


def test_node_without_media_folder_plays_nothing() -> None:
    nodes = (Node("n1", media=False), Node("n2"))
    assert played(nodes=nodes)[0].node == "n2"
    assert played(wall("a", "n1"), wall("b", "n2"), nodes=nodes)[0].node == "n2"
    named = played(nodes=nodes, nodeName="n1")[0]
    assert (named.reason, named.message) == (
        "NoMedia",
        "source source: node n1 has no media folder; name another node",
    )


def recorded(**file: Any) -> tuple[Verdict, FlowPlan | None]:
    sinks = [{"name": "archive", "file": {"path": "a.raw", **file}}]
    return planned(camera("c"), wanted=connection(sinks=sinks), nodes=(*NODES, Node("n3", media=False)))


@pytest.mark.parametrize(("node", "reason"), [(None, ""), ("n1", ""), ("n2", "NoTransport"), ("n9", "NoNode")], ids=str)
def test_recording_runs_on_the_flows_node(node: str | None, reason: str) -> None:
    verdict, flow = recorded(nodeName=node)
    assert flow is not None
    assert verdict.reason == reason
    assert flow.sinks[0].endpoint.kind == ("pod" if reason else "bridge")
    assert flow.sinks[0].endpoint.folders == ()


def test_foreign_bridges_are_placed_as_files_are_and_need_no_media_folder() -> None:
    nodes = (Node("n1", media=False), Node("n2", media=False))
    sinks = [{"name": "meter", "bridge": {"name": "meter", "nodeName": "n2"}}]
    wanted = connection(source={"bridge": {"name": "tone"}}, sinks=sinks)
    verdict, flow = planned(wanted=wanted, nodes=nodes)
    assert flow is not None
    assert (verdict.node, verdict.reason, flow.source.endpoint.bridge) == ("n2", "", "tone")
    assert flow.sinks[0].endpoint == EndpointPlan("bridge", bridge="meter", config="{}")


def test_recording_wants_a_media_folder() -> None:
    wanted = connection(sinks=[{"name": "archive", "file": {"path": "a.raw"}}])
    verdict, _ = planned(camera("c"), wanted=wanted, nodes=(Node("n1", media=False),))
    assert verdict.reason == "NoMedia"


def peer(role: str = "client", **more: Any) -> dict[str, Any]:
    return {"memif": {"role": role, "socket": "vpp.sock", **more}}


def test_stock_peer_stands_in_its_pods_folder() -> None:
    wanted = connection(source=peer(pod=CAMERA), sinks=[{"name": "wall", **peer(pod=WALL)}])
    verdict, flow = planned(camera("c", "n2"), wall("a", "n1"), wall("b", "n2"), wanted=wanted)
    assert flow is not None
    assert flow.source.endpoint.memif is not None
    assert flow.source.endpoint.memif.folder == "pods/c"
    assert flow.sinks[0].endpoint.memif is not None
    assert flow.sinks[0].endpoint.memif.folder == "pods/b"
    assert reasons(verdict) == {"camera-c": "", "wall-a": "Standby", "wall-b": ""}
    assert verdict.reason == ""


def test_stock_peer_without_its_pod_is_an_end_where_nobody_stands() -> None:
    wanted = connection(source=peer(pod=CAMERA), sinks=[{"name": "wall", **peer(pod=WALL)}])
    verdict, flow = planned(wanted=wanted, was="n1")
    assert flow is not None
    assert flow.source.endpoint == flow.sinks[0].endpoint == EndpointPlan("pod")
    assert reasons(verdict) == {"source": "NoPod", "wall": "NoPod"}
    apart, _ = planned(camera("c"), wall("a", "n2"), wanted=wanted)
    assert apart.reason == "NoTransport"


def test_peer_on_the_host_stands_at_the_root() -> None:
    wanted = connection(source=peer(nodeName="n2"), sinks=[{"name": "wall", **peer(id=1)}])
    verdict, flow = planned(wanted=wanted)
    assert flow is not None
    assert (verdict.node, verdict.reason) == ("n2", "")
    assert flow.source.endpoint.memif is not None
    assert flow.source.endpoint.memif.folder == ""


def together(*connections: MediaConnection, pods: tuple[Pod, ...] = ()) -> Plans:
    return plan(connections, NODES, pods)


def test_younger_of_two_that_conflict_does_not_run() -> None:
    sinks = [{"name": "archive", "file": {"path": "a.raw"}}]
    old = connection("z", sinks=sinks, created="2026-01-01T00:00:00Z")
    young = connection("a", sinks=sinks, created="2026-01-02T00:00:00Z")
    plans = together(young, old, connection("b"), pods=(camera("c"),))
    assert [flow.connection for flow in plans.nodes["n1"].flows] == ["studio/b", "studio/z"]
    assert plans.verdicts["studio/z"].accepted
    refused = plans.verdicts["studio/a"]
    assert (refused.accepted, refused.programmable, refused.reason) == (False, False, "FileConflict")
    assert refused.message == (
        "file a.raw is written by two sinks: studio/z archive and studio/a archive; change one of them"
    )


def test_namespaces_have_media_folders_of_their_own() -> None:
    sinks = [{"name": "archive", "file": {"path": "a.raw"}}]
    ours = connection("a", sinks=sinks)
    theirs = ours.model_copy(update={"metadata": ours.metadata.model_copy(update={"namespace": "other"})})
    assert all(verdict.accepted for verdict in together(ours, theirs).verdicts.values())


def test_who_is_refused_takes_nothing() -> None:
    def recording(name: str, *paths: str) -> MediaConnection:
        return connection(name, sinks=[{"name": f"s{n}", "file": {"path": path}} for n, path in enumerate(paths)])

    plans = together(recording("a", "1.raw"), recording("b", "1.raw", "2.raw"), recording("c", "2.raw"))
    assert [verdict.accepted for verdict in plans.verdicts.values()] == [True, False, True]


def test_same_socket_on_two_nodes_is_no_conflict() -> None:
    first, second = (connection(node, source=peer(nodeName=node)) for node in ("n1", "n2"))
    assert all(verdict.accepted for verdict in together(first, second).verdicts.values())
    again = connection("n3", source=peer(nodeName="n2"))
    assert together(first, second, again).verdicts["studio/n3"].reason == "MemifConflict"


def test_pool_that_is_too_small_costs_only_its_own_connection() -> None:
    plans = together(connection("a", pool={"frames": 2}), connection("b"), pods=(camera("c"),))
    assert plans.verdicts["studio/a"].reason == "PoolTooSmall"
    assert not plans.verdicts["studio/a"].accepted
    assert [flow.connection for flow in plans.nodes["n1"].flows] == ["studio/b"]


def test_long_lists_are_cut_in_verdicts_only() -> None:
    walls = [wall(f"w{number:04}") for number in range(2000)]
    verdict, flow = planned(camera("c"), *walls)
    assert flow is not None
    assert (len(verdict.endpoints), len(flow.sinks[0].endpoint.folders)) == (1024, 2000)
    apart, _ = planned(camera("c", "n2"), *walls)
    assert apart.message.startswith("2000 pods of sink wall are on n1 and")
