"""Names and addresses of a cluster: pure, and all derived from the number of its slot."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from mediamesh_e2e.places import CACHE

SLOTS = 8
PREFIX = "mme2e"
MACHINES = IPv4Network("198.18.0.0/16")  # of 198.18.0.0/15, for benchmarks of networks: RFC 2544, C.2.2
SERVICES = IPv4Network("198.19.0.0/16")
NODES = ("node-a", "node-b")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a machine is: its network namespace, cgroup and address; the network of its pods if it is a node."""

    name: str
    namespace: str
    cgroup: str
    address: IPv4Address
    pods: IPv4Network | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """The cluster of one slot (0 to 7): 16 networks of 256 addresses for machines and pods, as many for services."""

    slot: int

    @property
    def prefix(self) -> str:
        """What all names of this cluster that the machine can see begin with."""
        return f"{PREFIX}{self.slot}"

    @property
    def folder(self) -> Path:
        """Everything that the cluster writes is below it."""
        return CACHE / "clusters" / str(self.slot)

    @property
    def all_addresses(self) -> IPv4Network:
        """All networks of machines and pods."""
        return list(MACHINES.subnets(new_prefix=20))[self.slot]

    @property
    def services(self) -> IPv4Network:
        """The addresses of services."""
        return list(SERVICES.subnets(new_prefix=20))[self.slot]

    @property
    def network(self) -> IPv4Network:
        """The network of the machines."""
        return self._networks()[0]

    @property
    def outside(self) -> IPv4Address:
        """The address of this computer in the cluster's network."""
        return self.network[254]

    @property
    def control(self) -> Place:
        """The machine of the control plane."""
        return self._place("control", self.network[1], None)

    @property
    def nodes(self) -> tuple[Place, ...]:
        """The machines that run pods."""
        return tuple(
            self._place(name, self.network[11 + index], self._networks()[1 + index]) for index, name in enumerate(NODES)
        )

    @property
    def places(self) -> tuple[Place, ...]:
        """All machines."""
        return (self.control, *self.nodes)

    @property
    def server(self) -> str:
        """The URL of the API server."""
        return f"https://{self.control.address}:6443"

    def _networks(self) -> list[IPv4Network]:
        return list(self.all_addresses.subnets(new_prefix=24))

    def _place(self, name: str, address: IPv4Address, pods: IPv4Network | None) -> Place:
        return Place(name, f"{self.prefix}-{name}", f"{self.prefix}-{name}", address, pods)
