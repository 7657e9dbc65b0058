"""What holds of every plan, whatever the cluster looks like."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mediamesh_core.kinds import MediaConnection
from mediamesh_core.planner import Node, Observed, Plans, Pod, plan

NAMESPACES = ("red", "blue")
NODE_NAMES = ("n1", "n2", "n3")
LABELS = st.dictionaries(st.sampled_from(["app", "tier"]), st.sampled_from(["x", "y"]))
DAYS = st.integers(1, 9).map(lambda day: f"2026-01-0{day}T00:00:00Z")

NODES = st.lists(
    st.builds(Node, st.sampled_from(NODE_NAMES), ready=st.booleans(), media=st.booleans()),
    unique_by=lambda node: node.name,
)
PODS = st.lists(
    st.builds(
        Pod,
        uid=st.integers(0, 99).map(lambda number: f"u{number}"),
        namespace=st.sampled_from(NAMESPACES),
        node=st.sampled_from(["", *NODE_NAMES]),
        labels=LABELS,
        ready=st.booleans(),
        created=DAYS,
        mounted=st.booleans(),
    ),
    max_size=12,
    unique_by=lambda pod: pod.uid,
)
NODE_NAME = st.none() | st.sampled_from([*NODE_NAMES, "n9"])
PEER = st.fixed_dictionaries({"role": st.sampled_from(["server", "client"]), "socket": st.just("s")})
POD_ENDS = LABELS.map(lambda labels: {"pod": {"matchLabels": labels}})
ENDS = st.one_of(
    POD_ENDS,
    NODE_NAME.map(lambda node: {"file": {"path": "a.mkv", "nodeName": node}}),
    st.builds(lambda peer, labels: {"memif": peer | {"pod": {"matchLabels": labels}}}, PEER, LABELS),
    st.builds(lambda peer, node: {"memif": peer | {"nodeName": node}}, PEER, NODE_NAME),
)


def connection(number: int, space: str, source: dict[str, Any], sinks: list[dict[str, Any]], day: str) -> Any:
    return MediaConnection.model_validate(
        {
            "apiVersion": "mediamesh.io/v1alpha1",
            "kind": "MediaConnection",
            "metadata": {"name": f"c{number}", "namespace": space, "creationTimestamp": day},
            "spec": {
                "payload": {"encoded": {"codec": "h264"}},
                "source": source,
                "sinks": [{"name": f"s{place}"} | sink for place, sink in enumerate(sinks)],
            },
        }
    )


CONNECTIONS = st.lists(
    st.builds(connection, st.integers(0, 9), st.sampled_from(NAMESPACES), ENDS, st.lists(ENDS, max_size=3), DAYS),
    max_size=6,
    unique_by=lambda one: one.full_name,
)
LONELY = st.builds(
    connection, st.integers(10, 11), st.sampled_from(NAMESPACES), POD_ENDS, st.lists(POD_ENDS, max_size=3), DAYS
)
"""Without a file or a memif peer, over which connections can conflict."""
OBSERVED = st.builds(
    Observed, placed=st.dictionaries(st.sampled_from(["red/c0", "blue/c1", "red/c10"]), st.sampled_from(NODE_NAMES))
)


@given(CONNECTIONS, NODES, PODS, OBSERVED, st.randoms(use_true_random=False))
def test_order_of_the_input_does_not_matter(
    connections: list[MediaConnection], nodes: list[Node], pods: list[Pod], observed: Observed, random: Any
) -> None:
    made = plan(connections, nodes, pods, observed)
    for each in (connections, nodes, pods):
        random.shuffle(each)
    assert plan(connections, nodes, pods, observed) == made


@given(CONNECTIONS, NODES, PODS, OBSERVED)
def test_every_connection_has_its_verdict_and_lives_at_most_once(
    connections: list[MediaConnection], nodes: list[Node], pods: list[Pod], observed: Observed
) -> None:
    made = plan(connections, nodes, pods, observed)
    assert set(made.verdicts) == {one.full_name for one in connections}
    assert set(made.nodes) == {node.name for node in nodes}
    homes = [(flow.connection, name) for name, node in made.nodes.items() for flow in node.flows]
    assert len(homes) == len(dict(homes))
    for full_name, verdict in made.verdicts.items():
        assert dict(homes).get(full_name, "") == (verdict.node if verdict.node in made.nodes else "")
        assert bool(verdict.reason) == bool(verdict.message) == (not verdict.programmable)


@given(CONNECTIONS, NODES, PODS, OBSERVED)
def test_folders_are_only_of_pods_that_the_endpoint_names(
    connections: list[MediaConnection], nodes: list[Node], pods: list[Pod], observed: Observed
) -> None:
    by_name = {one.full_name: one for one in connections}
    by_folder = {f"pods/{pod.uid}": pod for pod in pods}
    made = plan(connections, nodes, pods, observed)
    for node in made.nodes.values():
        for flow in node.flows:
            for labels, folder in named_folders(by_name[flow.connection], flow):
                pod = by_folder[folder]
                assert (pod.namespace, pod.node) == (by_name[flow.connection].metadata.namespace, node.node)
                assert labels.items() <= pod.labels.items()
                assert pod.uid in node.pods


def named_folders(wanted: MediaConnection, flow: Any) -> Sequence[tuple[dict[str, str], str]]:
    """Return every folder of a pod in a flow, with the labels that the spec asks for there."""
    ends = [(wanted.spec.source, flow.source.endpoint)]
    ends += zip(wanted.spec.sinks, (sink.endpoint for sink in flow.sinks), strict=True)  # type: ignore[arg-type]
    found: list[tuple[dict[str, str], str]] = []
    for end, planned in ends:
        if end.pod is not None:
            found += [(end.pod.match_labels, folder) for folder in planned.folders]
        elif planned.memif is not None and planned.memif.folder:
            assert end.memif is not None
            assert end.memif.pod is not None
            found.append((end.memif.pod.match_labels, planned.memif.folder))
    return found


@given(CONNECTIONS, LONELY, LABELS, NODES, PODS, OBSERVED)
def test_change_of_one_connection_reaches_only_the_nodes_concerned(
    others: list[MediaConnection],
    changed: MediaConnection,
    labels: dict[str, str],
    nodes: list[Node],
    pods: list[Pod],
    observed: Observed,
) -> None:
    source = {"pod": {"matchLabels": labels}}
    other = connection(int(changed.metadata.name[1:]), changed.metadata.namespace, source, [], "2026-01-05T00:00:00Z")
    before = plan([*others, changed], nodes, pods, observed)
    after = plan([*others, other], nodes, pods, observed)
    concerned = {made.verdicts[changed.full_name].node for made in (before, after)}
    assert {name for name in before.nodes if before.nodes[name] != after.nodes[name]} <= concerned
    assert without(before, changed) == without(after, changed)


def without(made: Plans, changed: MediaConnection) -> dict[str, Any]:
    return {name: verdict for name, verdict in made.verdicts.items() if name != changed.full_name}
