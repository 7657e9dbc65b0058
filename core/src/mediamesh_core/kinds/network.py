"""`MediaNetwork`: a network for media between nodes and to the studio, as SMPTE ST 2110 uses it.

It says on which interfaces or virtual functions (VFs) of the nodes the network is, how they are set up, and which
addresses, ports and payload types are handed out from it. Nothing uses it before a bridge for ST 2110 is installed.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from mediamesh_core.kinds.base import Label, Model, NodeName, refuse, twice
from mediamesh_core.kinds.metadata import Metadata
from mediamesh_core.kinds.schema import list_map
from mediamesh_core.suggestions import shown

MAX_RANGES = 256
_VF_SETTINGS = ("trust", "spoof_check", "min_rate_mbps", "max_rate_mbps")
_Hex = Annotated[str, Field(max_length=4, pattern="^[0-9a-f]{4}$")]
_Address = Annotated[str, Field(max_length=45)]
_Port = Annotated[int, Field(ge=1, le=65535)]
_PayloadType = Annotated[int, Field(ge=96, le=127)]
_Rate = Annotated[int, Field(ge=1, le=1_000_000)]
_NETWORKS = (IPv4Network("224.0.0.0/4"), IPv6Network("ff00::/8"))


class VirtualFunctions(Model):
    """SR-IOV virtual functions of a node: all that fit everything that is given."""

    pf_name: Annotated[str, Field(max_length=15, pattern="^[A-Za-z0-9._-]+$")] | None = None
    """Of the network interface of the physical function."""
    pci_address: (
        Annotated[str, Field(max_length=12, pattern=r"^[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f][.][0-7]$")] | None
    ) = None
    """Of the physical function, such as 0000:3b:00.0."""
    vendor: _Hex | None = None
    """PCI vendor, such as 8086."""
    device: _Hex | None = None
    """PCI device of the virtual functions, such as 1889."""
    numa_node: Annotated[int, Field(ge=0, le=1023)] | None = None
    """The NUMA node that they belong to."""

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if (self.pf_name, self.pci_address, self.vendor, self.numa_node) == (None,) * 4:
            refuse("say which: by pfName, pciAddress, vendor and device, or numaNode")
        if (self.vendor is None) != (self.device is None):
            refuse("vendor and device are given together", "device")
        return self


class Link(Model):
    """How an interface or virtual function is set up; what is left out stays as it is."""

    vlan: Annotated[int, Field(ge=1, le=4094)] | None = None
    """VLAN tag."""
    vlan_priority: Annotated[int, Field(ge=0, le=7)] | None = None
    """Priority (PCP) in the tag."""
    mtu: Annotated[int, Field(ge=576, le=9216)] | None = None
    """Largest packet in bytes."""
    trust: bool | None = None
    """Let a virtual function change its address and listen to all multicast."""
    spoof_check: bool | None = None
    """Let a virtual function send from its own address only."""
    min_rate_mbps: _Rate | None = None
    """What a virtual function gets at least, in Mbit/s."""
    max_rate_mbps: _Rate | None = None
    """What a virtual function gets at most, in Mbit/s."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.vlan_priority is not None and self.vlan is None:
            refuse("a priority is part of a VLAN tag; give vlan as well", "vlanPriority")
        if self.min_rate_mbps and self.max_rate_mbps and self.min_rate_mbps > self.max_rate_mbps:
            refuse(f"{self.min_rate_mbps} is above maxRateMbps", "minRateMbps")
        return self


class AddressRange(Model):
    """Addresses of one node's interfaces."""

    node_name: NodeName
    """The node."""
    first: _Address
    """Lowest address, such as 192.168.10.16."""
    last: _Address
    """Highest address."""
    prefix_length: Annotated[int, Field(ge=1, le=128)] = 24
    """Of the network that they are in."""
    gateway: _Address | None = None
    """Router to other networks; none if left out."""
    mac: Annotated[str, Field(max_length=17, pattern="^[0-9a-f]{2}(:[0-9a-f]{2}){5}$")] | None = None
    """Of the first virtual function, the next ones count on; those of the card if left out."""

    @model_validator(mode="after")
    def _are_addresses(self) -> Self:
        first, last = _parsed(self.first, "first"), _parsed(self.last, "last")
        if self.gateway is not None:
            _parsed(self.gateway, "gateway")
        if first.version != last.version:
            refuse("first and last are of one family, both IPv4 or both IPv6", "last")
        if int(first) > int(last):
            refuse(f"{self.first} is above {self.last}", "first")
        if self.prefix_length > first.max_prefixlen:
            refuse(f"{self.prefix_length} is above {first.max_prefixlen}, the most for IPv4", "prefixLength")
        return self


def _parsed(text: str, field: str) -> IPv4Address | IPv6Address:
    try:
        return ip_address(text)
    except ValueError:
        refuse(f"{shown(text)} is not an IP address, such as 192.168.10.16", field)


class Multicast(Model):
    """Groups that flows are sent to."""

    range: Annotated[str, Field(max_length=49)]
    """Range of groups, such as 239.10.0.0/16."""

    @model_validator(mode="after")
    def _is_multicast(self) -> Self:
        try:
            network = ip_network(self.range)
        except ValueError:
            network = None
        if network is None or not any(
            network.version == whole.version and network.subnet_of(whole)  # type: ignore[arg-type]
            for whole in _NETWORKS
        ):
            refuse(f"{shown(self.range)} is not a range of multicast addresses, such as 239.10.0.0/16", "range")
        return self


class Ports(Model):
    """UDP ports that flows are sent to."""

    first: _Port = 20000
    """Lowest."""
    last: _Port = 20999
    """Highest."""

    @model_validator(mode="after")
    def _are_a_range(self) -> Self:
        if self.first > self.last:
            refuse(f"{self.first} is above {self.last}", "first")
        return self


class PayloadTypes(Model):
    """RTP payload types, where an SDP does not say otherwise."""

    video: _PayloadType = 96
    """Of ST 2110-20 and -22."""
    audio: _PayloadType = 97
    """Of ST 2110-30."""
    ancillary: _PayloadType = 100
    """Of ST 2110-40."""

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if len({self.video, self.audio, self.ancillary}) < 3:
            refuse("each kind of media has its own payload type")
        return self


class Ptp(Model):
    """The clock of the network (IEEE 1588, SMPTE ST 2059-2)."""

    domain: Annotated[int, Field(ge=0, le=127)] = 127
    """PTP domain."""


class NetworkSpec(Model):
    """What the network is: on exactly one of interface, virtualFunctions and resourceName."""

    choices = ("interface", "virtual_functions", "resource_name")

    interface: Annotated[str, Field(max_length=15, pattern="^[A-Za-z0-9._-]+$")] | None = None
    """A kernel interface that every node of the network has."""
    virtual_functions: VirtualFunctions | None = None
    """Virtual functions that the agent takes and sets up."""
    resource_name: Annotated[str, Field(max_length=317, pattern="^[a-z0-9.-]+/[A-Za-z0-9._-]+$")] | None = None
    """Virtual functions that a device plugin hands out, such as intel.com/studio."""
    backend: Literal["auto", "native", "mtl"] = "auto"
    """native: UDP of the kernel; mtl: Intel's Media Transport Library; auto: mtl where it can be."""
    link: Link = Link()
    """How the interface is set up."""
    addresses: Annotated[
        tuple[AddressRange, ...], list_map("nodeName"), Field(strict=False, max_length=MAX_RANGES)
    ] = ()
    """Static addresses, node by node; those that the interface has if left out."""
    multicast: Multicast | None = None
    """Groups for flows that do not name their own."""
    ports: Ports = Ports()
    """Ports for flows that do not name their own."""
    payload_types: PayloadTypes = PayloadTypes()
    """RTP payload types."""
    redundant_with: Label | None = None
    """The other network of a pair on which everything is sent twice (ST 2022-7)."""
    ptp: Ptp = Ptp()
    """The clock."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        chosen = self.chosen()
        if self.backend == "mtl" and chosen == "interface":
            refuse("mtl needs virtual functions; name virtualFunctions or resourceName", "backend")
        if chosen == "interface" and any(getattr(self.link, name) is not None for name in _VF_SETTINGS):
            refuse("trust, spoofCheck and rates are set on virtual functions; leave them out beside interface", "link")
        if repeated := twice([each.node_name for each in self.addresses]):
            refuse(f"node {repeated[0]} is given twice; each has one range", "addresses")
        return self


class MediaNetwork(Model):
    """A network for media; belongs to no namespace."""

    api_version: Literal["mediamesh.io/v1alpha1"]
    """The version of this page."""
    kind: Literal["MediaNetwork"]
    """This kind."""
    metadata: Metadata
    """Which network it is."""
    spec: NetworkSpec
    """What it is."""
    status: Annotated[dict[str, Any], Field(default_factory=dict)]
    """Written by the operator; ignored here."""

    @model_validator(mode="after")
    def _is_not_its_own_pair(self) -> Self:
        if self.spec.redundant_with == self.metadata.name:
            refuse("a network cannot be redundant with itself; name the other one", "spec.redundantWith")
        return self
