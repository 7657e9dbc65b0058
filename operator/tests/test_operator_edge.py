from typing import Any

from operator_bodies import AGENTS, ROOT, connection, media_node, network, node, pod

from mediamesh_operator.edge import Edge
from mediamesh_operator.world import World


def played(*events: tuple[str, str | None, dict[str, Any]]) -> tuple[World, list[tuple[str, str]]]:
    """Tell an edge of these events."""
    world, told = World(AGENTS, ROOT), list[tuple[str, str]]()
    edge = Edge(world, lambda kind, name: told.append((kind, name)))
    for take, kind, body in events:
        getattr(edge, take)({"type": kind, "object": body})
    return world, told


def test_what_there_is_and_what_changes_goes_into_the_world_and_its_key_into_the_queue() -> None:
    world, told = played(
        ("connection", None, connection()),
        ("node", "ADDED", node()),
        ("pod", "MODIFIED", pod()),
        ("network", None, network()),
    )
    assert told == [("connection", "studio/cam1"), ("node", "node-a"), ("pod", "uid-camera-0")]
    assert (set(world.connections), set(world.nodes), set(world.pods)) == (
        {"studio/cam1"},
        {"node-a"},
        {"uid-camera-0"},
    )


def test_what_is_deleted_leaves_the_world() -> None:
    world, told = played(
        *((kind, None, body) for kind, body in (("connection", connection()), ("node", node()), ("pod", pod()))),
        *((kind, "DELETED", body) for kind, body in (("connection", connection()), ("node", node()), ("pod", pod()))),
    )
    assert told[3:] == [("connection", "studio/cam1"), ("node", "node-a"), ("pod", "uid-camera-0")]
    assert not world.connections
    assert not world.nodes
    assert not world.pods


def test_what_makes_no_difference_wakes_nobody() -> None:
    _, told = played(("node", None, node()), ("node", "MODIFIED", node(resourceVersion="2")), ("pod", "DELETED", pod()))
    assert told == [("node", "node-a")]


def test_networks_and_media_nodes_come_and_go() -> None:
    world, told = played(("network", None, network()), ("media_node", "ADDED", media_node()))
    assert world.networks == {"fabric": "uid-fabric"}
    assert (world.media_nodes["node-a"].owner, told) == ("uid-node-a", [("medianode", "node-a")])
    world, told = played(
        ("network", None, network()),
        ("media_node", None, media_node()),
        ("network", "DELETED", network()),
        ("media_node", "DELETED", media_node()),
    )
    assert (world.networks, world.media_nodes) == ({}, {})
    assert told == [("medianode", "node-a")] * 2


def test_a_list_tells_what_is_gone() -> None:
    world, told = World(AGENTS, ROOT), list[tuple[str, str]]()
    edge = Edge(world, lambda kind, name: told.append((kind, name)))
    for name in ("node-a", "node-b"):
        world.put_node(node(name))
    edge.only("nodes", {"uid-node-a", "uid-node-c"})
    edge.only("nodes", {"uid-node-a"})
    assert (set(world.nodes), told) == ({"node-a"}, [("list", "nodes")])
