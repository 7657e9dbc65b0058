"""However a cluster ends, nothing of it stays: no process, namespace, link, mount, cgroup or file but logs."""

import fcntl
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from mediamesh_testing.waiting import wait_until

from mediamesh_e2e import toolchain
from mediamesh_e2e.cluster import network, slots
from mediamesh_e2e.cluster.cgroups import MOUNTS, hierarchies
from mediamesh_e2e.cluster.layout import SLOTS, Layout
from mediamesh_e2e.errors import MachineUnfit
from mediamesh_e2e.programs import run

pytestmark = pytest.mark.usefixtures("cluster")


def of_the_slot(layout: Layout) -> list[str]:
    """Name what there is of a slot on this computer."""
    cgroups = [path for each in hierarchies(MOUNTS.read_text()) for path in each.path.glob(f"{layout.prefix}-*")]
    return [
        *[line for line in run(["ip", "-brief", "link"]).splitlines() if line.startswith(layout.prefix)],
        *[line for line in run(["ip", "netns", "list"]).splitlines() if line.startswith(layout.prefix)],
        *[line for line in run(["ip", "route"]).splitlines() if layout.prefix in line],
        *[line for line in MOUNTS.read_text().splitlines() if layout.prefix in line or f"{layout.folder}/" in line],
        *map(str, cgroups),
        *[path.name for path in layout.folder.iterdir() if path.name != slots.LOGS],
    ]


def processes_of(layout: Layout) -> list[int]:
    """List the processes on the machines of a slot; a zombie has left the network already."""
    spaces = {(Path("/run/netns") / place.namespace).stat().st_ino for place in layout.places}
    return [pid for pid in psutil.pids() if network_of(pid) in spaces]


def network_of(pid: int) -> int:
    try:
        return Path(f"/proc/{pid}/ns/net").stat().st_ino
    except OSError:  # ended, or none of ours
        return 0


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Start the command that runs a cluster, and kill it at the end if it runs still."""
    hears_ctrl_c = ["env", "--default-signal=INT"]  # also where the tests run in the background
    command = [*hears_ctrl_c, sys.executable, "-m", "mediamesh_e2e.cluster", "up"]
    with (tmp_path / "progress").open("w") as progress:
        started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=progress, text=True)
    with started:
        yield started
        started.kill()


def slot_of(launcher: "subprocess.Popen[str]") -> Layout:
    """Read which slot the cluster is in, when it is up."""
    assert launcher.stdout
    said = launcher.stdout.readline()
    found = re.search(r"export KUBECONFIG=\S+/clusters/(\d)/", said)
    assert found, said
    return Layout(int(found[1]))


def test_a_killed_launcher_takes_its_cluster_along_and_the_next_run_cleans_up(
    launcher: "subprocess.Popen[str]",
) -> None:
    layout = slot_of(launcher)
    assert len(processes_of(layout)) > 10

    launcher.kill()
    launcher.wait()

    wait_until(lambda: not processes_of(layout), "the end of its processes")
    assert of_the_slot(layout)
    assert layout.prefix not in slots.clean()
    assert of_the_slot(layout) == []


def test_a_launcher_that_is_told_to_end_cleans_up_itself(launcher: "subprocess.Popen[str]") -> None:
    layout = slot_of(launcher)

    launcher.send_signal(signal.SIGINT)

    assert launcher.wait(timeout=60) == 0
    assert of_the_slot(layout) == []


def test_a_slot_in_use_is_left_alone_and_another_taken() -> None:
    one, other = slots.take(), slots.take()
    try:
        assert one.layout.slot != other.layout.slot
        assert {one.layout.prefix, other.layout.prefix} <= set(slots.clean())
        assert (one.layout.folder / slots.LOGS).is_dir()
    finally:
        other.release()
        one.release()


def test_a_ninth_cluster_is_refused() -> None:
    locks = [os.open(f"/run/{Layout(number).prefix}.lock", os.O_RDWR | os.O_CREAT) for number in range(SLOTS)]
    try:
        for lock in locks:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue  # the cluster of this session, or of somebody else
        with pytest.raises(MachineUnfit, match="8 clusters run already"):
            slots.take()
    finally:
        for lock in locks:
            os.close(lock)


def test_networks_that_somebody_else_uses_are_refused() -> None:
    run(["ip", "route", "add", "unreachable", "198.19.255.0/24"])
    try:
        with pytest.raises(MachineUnfit, match=r"198\.19\.255\.0/24"):
            network.refuse_taken_addresses()
    finally:
        run(["ip", "route", "delete", "unreachable", "198.19.255.0/24"])


def test_who_is_not_root_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(MachineUnfit, match="only root"):
        toolchain.require_packages(())


def test_a_package_that_cannot_be_had_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no apt-get

    with pytest.raises(MachineUnfit, match="mediamesh-no-such-package"):
        toolchain.require_packages(["mediamesh-no-such-package"])


def test_the_command_line_tells_what_it_can_do() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mediamesh_e2e.cluster", "sideways"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert all(word in done.stderr for word in ("up", "clean", "build"))
