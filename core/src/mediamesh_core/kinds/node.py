"""`MediaNode`: what a node has and runs, written by the operator; nobody writes anything into it by hand."""

from typing import Annotated, Literal

from pydantic import Field

from mediamesh_core.kinds.schema import list_map
from mediamesh_core.kinds.status import Condition, Count, Name, Written

MAX_INTERFACES = 256
MAX_CONNECTIONS = 2048


class HubStatus(Written):
    """The data plane of the node."""

    version: Name = ""
    """Of its software."""
    started: Annotated[str, Field(max_length=32, json_schema_extra={"format": "date-time"})] | None = None
    """When it, or the first of those it took over from, began."""
    handovers: Count = 0
    """How often one hub has taken over from another."""
    pool_bytes: Count = 0
    """Of all frame pools, when this was written."""
    pool_bytes_limit: Count = 0
    """How much they may be."""


class Interface(Written):
    """A network interface."""

    name: Annotated[str, Field(max_length=15)]
    """As the kernel has it."""
    mac: Annotated[str, Field(max_length=17)] = ""
    """Its hardware address."""
    mtu: Count = 0
    """Largest packet in bytes."""
    speed_mbps: Count = 0
    """Of its link, in Mbit/s; 0 where it is not known."""
    up: bool = False
    """Whether its link is up."""
    driver: Annotated[str, Field(max_length=64)] = ""
    """Of the kernel."""
    pci_address: Annotated[str, Field(max_length=12)] = ""
    """Where the card is."""
    numa_node: Annotated[int, Field(ge=-1, le=1023)] = -1
    """Which memory it is near to; -1: all alike."""
    addresses: Annotated[tuple[Annotated[str, Field(max_length=49)], ...], Field(strict=False, max_length=64)] = ()
    """With the length of the prefix."""
    virtual_functions: Count = 0
    """How many it has."""
    virtual_functions_free: Count = 0
    """How many of them nobody uses."""


class NodeStatus(Written):
    """What the node has and runs."""

    conditions: Annotated[tuple[Condition, ...], list_map("type"), Field(strict=False, max_length=16)] = ()
    """Ready: its agent is connected, and its hub answers."""
    agent_version: Name = ""
    """Of the agent's software."""
    kernel: Name = ""
    """Release of Linux."""
    cpus: Count = 0
    """How many."""
    memory_bytes: Count = 0
    """Of the machine."""
    huge_pages_bytes: Count = 0
    """Free ones of the default size, when the agent began."""
    sockets: Literal["", "hostPath", "csi"] = ""
    """How pods get their folders."""
    bridges: Annotated[tuple[Annotated[str, Field(max_length=63)], ...], Field(strict=False, max_length=64)] = ()
    """That are installed."""
    hub: HubStatus = HubStatus()
    """The data plane."""
    flows: Count = 0
    """How many connections run here."""
    connections: Annotated[
        tuple[Annotated[str, Field(max_length=317)], ...], Field(strict=False, max_length=MAX_CONNECTIONS)
    ] = ()
    """Their names, sorted."""
    interfaces: Annotated[tuple[Interface, ...], list_map("name"), Field(strict=False, max_length=MAX_INTERFACES)] = ()
    """Network interfaces that can carry media; none are told of until something carries frames between nodes."""
