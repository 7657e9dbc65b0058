"""The pure parts: names and addresses of slots, cgroup hierarchies as the kernel lists them, rules of a cut."""

import subprocess
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediamesh_e2e.cluster import configuration
from mediamesh_e2e.cluster.cgroups import Hierarchy, hierarchies
from mediamesh_e2e.cluster.cuts import ruleset
from mediamesh_e2e.cluster.layout import MACHINES, SERVICES, SLOTS, Layout

LONGEST_INTERFACE = 15
V1 = """\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
"""
V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n"


@given(st.sampled_from(range(SLOTS)), st.sampled_from(range(SLOTS)))
def test_slots_share_no_name_and_no_address(one: int, other: int) -> None:
    first, second = Layout(one), Layout(other)

    same = one == other
    assert first.all_addresses.overlaps(second.all_addresses) == same
    assert first.services.overlaps(second.services) == same
    assert {place.namespace for place in first.places}.isdisjoint(place.namespace for place in second.places) != same
    assert (first.folder == second.folder) == same


@pytest.mark.parametrize("layout", list(map(Layout, range(SLOTS))), ids=lambda layout: layout.prefix)
def test_every_address_of_a_slot_is_in_the_networks_set_apart_for_it(layout: Layout) -> None:
    addresses = [place.address for place in layout.places] + [layout.outside]
    pods = [place.pods for place in layout.nodes if place.pods]

    assert len(set(addresses)) == len(addresses)
    assert all(address in layout.network for address in addresses)
    assert not any(network.overlaps(layout.network) for network in pods)
    assert all(network.subnet_of(layout.all_addresses) for network in pods)
    assert layout.all_addresses.subnet_of(MACHINES)
    assert layout.services.subnet_of(SERVICES)
    assert len(layout.prefix) <= LONGEST_INTERFACE


def test_hierarchies_of_version_1_are_read_with_their_controllers() -> None:
    assert hierarchies(V1) == (
        Hierarchy(Path("/sys/fs/cgroup/cpu,cpuacct"), "cgroup", "cpu,cpuacct"),
        Hierarchy(Path("/sys/fs/cgroup/systemd"), "cgroup", "none,xattr,name=systemd"),
        Hierarchy(Path("/sys/fs/cgroup/unified"), "cgroup2", ""),
    )
    assert [each.below for each in hierarchies(V1)] == ["cpu,cpuacct", "systemd", "unified"]
    assert not any(each.sole for each in hierarchies(V1))


def test_the_hierarchy_of_version_2_is_the_only_one() -> None:
    (only,) = hierarchies(V2)

    assert only == Hierarchy(Path("/sys/fs/cgroup"), "cgroup2", "")
    assert only.sole


@pytest.mark.usefixtures("cluster")
def test_the_rules_of_a_cut_are_rules_to_nft() -> None:
    rules = ruleset("cut_1_2", IPv4Address("198.18.0.1"), IPv4Address("198.18.0.2"))

    subprocess.run(["nft", "--check", "-f", "-"], input=rules, text=True, check=True)
    assert rules.count("ip saddr 198.18.0.1 ip daddr 198.18.0.2 drop") == 4
    assert rules.count("ip saddr 198.18.0.2 ip daddr 198.18.0.1 drop") == 4


def test_a_nodes_pods_get_addresses_of_its_own_network() -> None:
    node = Layout(3).nodes[1]

    assert f'"subnet": "{node.pods}"' in configuration.pod_network(node)
