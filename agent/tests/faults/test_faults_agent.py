"""`mediamesh up` is killed, restarted while its files change, and ended in order, under load."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from faults_stage import Chance, repeats
from mediamesh_testing.actors import acting, source, taker, unharmed
from mediamesh_testing.agents import connections_file, ended, said, up
from mediamesh_testing.waiting import wait_until
from mediamesh_testing.watching import all_taken

from mediamesh.errors import HubUnreachable
from mediamesh.hubclient import HubClient
from mediamesh_protos import hub_pb2

CAM = "default/cam"


@dataclass(frozen=True, slots=True)
class Mesh:
    """What `mediamesh up` runs in a folder."""

    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @contextmanager
    def up(self) -> Iterator["subprocess.Popen[str]"]:
        with up(self.folder, "-f", str(self.folder / "connections.yaml"), "--port", "0") as process:
            said(process, "hub: pid")
            yield process

    def observe(self) -> hub_pb2.Observed:
        with HubClient(self.root) as hub:
            return hub.observe()

    def flow(self, connection: str = CAM) -> hub_pb2.ObservedFlow:
        return next(one for one in self.observe().flows if one.connection == connection)

    def flows(self) -> set[str]:
        return {one.connection for one in self.observe().flows}


@pytest.fixture
def mesh(free_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Mesh:
    monkeypatch.setenv("MEDIAMESH_DIR", str(free_dir / "root"))
    connections_file(free_dir, "cam", "gone")
    return Mesh(free_dir)


@pytest.mark.parametrize("seed", repeats(1, 10))
def test_a_killed_agent_costs_nothing_and_the_next_one_adopts_the_hub(mesh: Mesh, seed: int) -> None:
    with mesh.up() as first:
        wait_until(lambda: CAM in mesh.flows(), "the plan")
        pid, chance = mesh.observe().pid, Chance(mesh, seed)
        with acting(taker(), source()) as (taking, feeding):
            chance.moment()
            ended(first, signal.SIGKILL)
            chance.moment()
            with mesh.up() as second:
                chance.moment()
                assert mesh.observe().pid == pid
                ended(second, signal.SIGKILL)
            with mesh.up() as third:
                chance.moment()
                assert mesh.observe().pid == pid
                feeding.end()
                all_taken(mesh)
                report = taking.end()
                assert ended(third) == 0
    unharmed(report)
    assert report["flagged"] == []
    assert not list(mesh.root.rglob("*.sock"))


@pytest.mark.parametrize("seed", repeats(1, 10))
def test_an_agent_carries_out_what_changed_while_it_was_away(mesh: Mesh, seed: int) -> None:
    with mesh.up() as first:
        wait_until(lambda: mesh.flows() == {CAM, "default/gone"}, "the plan")
        with acting(taker(), source()) as (taking, feeding):
            Chance(mesh, seed).moment()
            ended(first, signal.SIGKILL)
            connections_file(mesh.folder, "cam", "new")
            assert mesh.flows() == {CAM, "default/gone"}, "the hub goes on with the last plan"
            with mesh.up() as second, acting(taker(connection="new"), source(connection="new")) as (late, _):
                wait_until(lambda: mesh.flows() == {CAM, "default/new"}, "the new plan")
                Chance(mesh, seed).moment("default/new")
                wait_until(lambda: any(one.received for one in mesh.flow("default/new").attachments), "its first frame")
                unharmed(late.end())
                feeding.end()
                all_taken(mesh)
                report = taking.end()
                assert ended(second) == 0
    unharmed(report)
    assert report["flagged"] == []


@pytest.mark.parametrize("seed", repeats(1, 10))
def test_a_killed_hub_is_replaced_by_the_agent(mesh: Mesh, seed: int) -> None:
    with mesh.up() as process:
        wait_until(lambda: CAM in mesh.flows(), "the plan")
        with acting(taker(), source(wait_for_sinks=1)) as (taking, feeding):
            Chance(mesh, seed).moment()
            pid = mesh.observe().pid
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: answers(mesh) not in {0, pid}, "another hub")
            wait_until(lambda: len(mesh.flow().attachments) == 2, "both to come back")
            Chance(mesh, seed).moment()
            feeding.end()
            all_taken(mesh)
            report = taking.end()
        assert ended(process) == 0
    assert (report["altered"], len(report["flagged"])) == (0, 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_end_is_in_order_under_load(mesh: Mesh, number: int) -> None:
    """What the source had sent arrives, the applications outlive it, and a new mesh finds them waiting."""
    with mesh.up() as first:
        wait_until(lambda: CAM in mesh.flows(), "the plan")
        with acting(taker(), source(wait_for_sinks=1)) as (taking, feeding):
            Chance(mesh, 0).moment()
            assert ended(first, number) == 0
            assert not list(mesh.root.rglob("*.sock"))
            with mesh.up() as second:
                wait_until(lambda: len(mesh.flow().attachments) == 2, "both to come back")
                Chance(mesh, 0).moment()
                feeding.end()
                all_taken(mesh)
                report = taking.end()
                assert ended(second) == 0
    assert report["altered"] == report["lost"] == 0, report
    assert len(report["flagged"]) <= 1


def answers(mesh: Mesh) -> int:
    """Return the pid of the hub that answers; 0 if none does or it has no plan yet."""
    try:
        observed = mesh.observe()
    except HubUnreachable:
        return 0
    return observed.pid if observed.flows else 0
