"""The network between the machines: a bridge in the control machine, a cable to each node and one to this computer."""

import json
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network

from mediamesh_e2e.cluster.layout import MACHINES, PREFIX, SERVICES, Layout, Place
from mediamesh_e2e.errors import MachineUnfit
from mediamesh_e2e.programs import run

BRIDGE = "machines"


def build(layout: Layout) -> None:
    """Make network namespaces, bridge, cables and routes."""
    for place in layout.places:
        run(["ip", "netns", "add", place.namespace])
        _in(place, "ip link set lo up")
    _build_control(layout)
    for node in layout.nodes:
        _build_node(layout, node)
    _route_pods(layout)


def _build_control(layout: Layout) -> None:
    control, outside = layout.control, layout.prefix
    _in(control, f"ip link add {BRIDGE} type bridge")
    _in(control, f"ip address add {control.address}/{layout.network.prefixlen} dev {BRIDGE}")
    _in(control, f"ip link set {BRIDGE} up")
    run(["ip", "link", "add", outside, "type", "veth", "peer", "name", "outside", "netns", control.namespace])
    _in(control, f"ip link set outside master {BRIDGE} up")
    run(["ip", "address", "add", f"{layout.outside}/{layout.network.prefixlen}", "dev", outside])
    run(["ip", "link", "set", outside, "up"])


def _build_node(layout: Layout, node: Place) -> None:
    control = layout.control
    _in(control, f"ip link add {node.name} type veth peer name eth0 netns {node.namespace}")
    _in(control, f"ip link set {node.name} master {BRIDGE} up")
    _in(node, f"ip address add {node.address}/{layout.network.prefixlen} dev eth0")
    _in(node, "ip link set eth0 up")


def _route_pods(layout: Layout) -> None:
    for node in layout.nodes:
        _in(node, f"ip route add default via {layout.control.address}")
        for other in (place for place in layout.places if place != node):
            _in(other, f"ip route add {node.pods} via {node.address}")
        run(["ip", "route", "add", str(node.pods), "via", str(layout.control.address)])


def in_machine(place: Place, command: Sequence[str], *, given: str | None = None) -> None:
    """Run a program in the network of a machine, also of one that is switched off."""
    run(["nsenter", f"--net=/run/netns/{place.namespace}", *command], given=given)


def _in(place: Place, command: str) -> None:
    in_machine(place, command.split())


def plug(layout: Layout, node: Place, *, connected: bool) -> None:
    """Connect or cut a node's cable, at the bridge's end: at its own end the node would lose its routes."""
    _in(layout.control, f"ip link set {node.name} {'up' if connected else 'down'}")


def remove(layout: Layout) -> None:
    """Remove what `build` made, as far as it is there; the namespaces take what is in them along."""
    links = {link["ifname"] for link in json.loads(run(["ip", "-json", "link"]))}
    if layout.prefix in links:
        run(["ip", "link", "delete", layout.prefix])
    there = {entry["name"] for entry in json.loads(run(["ip", "-json", "netns", "list"]) or "[]")}
    for place in layout.places:
        if place.namespace in there:
            run(["ip", "netns", "delete", place.namespace])


def refuse_taken_addresses() -> None:
    """Raise `MachineUnfit` if this computer has routes, not made by us, into the networks that clusters use."""
    rows = json.loads(run(["ip", "-json", "-4", "route", "show", "table", "all"]) or "[]")
    taken = [row for row in rows if _ours(row["dst"]) and not row.get("dev", "").startswith(PREFIX)]
    if taken:
        raise MachineUnfit(f"{taken[0]['dst']} is routed to {taken[0].get('dev')}: the cluster would need that network")


def _ours(destination: str) -> bool:
    return destination[0].isdigit() and _overlaps(IPv4Network(destination, strict=False), (MACHINES, SERVICES))


def _overlaps(network: IPv4Network, others: Iterable[IPv4Network]) -> bool:
    return any(network.overlaps(other) for other in others)
