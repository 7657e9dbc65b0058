"""The agent with a real hub: starting, adopting, reloading, healing, ending."""

import asyncio
import os
import re
import signal
import socket
from pathlib import Path

import pytest
from mediamesh_testing.agents import alive, connections_file, ended, flows, hub_pid, living, said, shut_down, until, up

from mediamesh_agent import supervision
from mediamesh_agent.control import HubControl
from mediamesh_agent.errors import AgentAlreadyRuns, HubUnreachable
from mediamesh_agent.hub.hub import LONGEST_POLITENESS
from mediamesh_agent.parts import HUB, kill
from mediamesh_agent.up import hub_settings


def remains(folder: Path) -> list[str]:
    return [path.name for path in (folder / "root").rglob("*") if path.is_socket()]


def test_it_starts_a_hub_gives_it_the_plan_and_leaves_nothing(free_dir: Path) -> None:
    async def main() -> int:
        async with living(free_dir, "cam1") as (agent, _):
            await until(agent, lambda: flows(agent) == ["default/cam1"])
            assert agent.facts.hub_starts == 1
            return hub_pid(agent)

    pid = asyncio.run(main())
    assert not alive(pid)
    assert remains(free_dir) == []


def test_an_edit_is_applied_and_an_invalid_one_is_shown_while_the_old_plan_stays(free_dir: Path) -> None:
    async def main() -> None:
        async with living(free_dir, "cam1") as (agent, _):
            await until(agent, lambda: flows(agent) == ["default/cam1"])
            connections_file(free_dir, "cam1", "cam2")
            await until(agent, lambda: flows(agent) == ["default/cam1", "default/cam2"])
            (free_dir / "connections.yaml").write_text("kind: nonsense")
            await until(agent, lambda: "plan" in agent.facts.problems)
            assert flows(agent) == ["default/cam1", "default/cam2"]
            connections_file(free_dir, "cam2")
            await until(agent, lambda: flows(agent) == ["default/cam2"])
            assert agent.facts.problems == {}

    asyncio.run(main())


def test_a_killed_hub_is_started_again_with_the_same_plan(free_dir: Path) -> None:
    async def main() -> None:
        async with living(free_dir, "cam1") as (agent, _):
            await until(agent, lambda: flows(agent) == ["default/cam1"])
            first = hub_pid(agent)
            kill(agent, HUB)
            await until(
                agent, lambda: agent.facts.problems.get("hub") == f"the hub (pid {first}) was killed by SIGKILL"
            )
            await until(agent, lambda: hub_pid(agent) not in (0, first) and flows(agent) == ["default/cam1"])
            await until(agent, lambda: "hub" not in agent.facts.problems)
            assert agent.facts.hub_starts == 2

    asyncio.run(main())


def test_a_hub_that_somebody_replaces_is_adopted(free_dir: Path) -> None:
    async def main() -> None:
        async with living(free_dir, "cam1") as (agent, _):
            await until(agent, lambda: flows(agent) == ["default/cam1"])
            first = hub_pid(agent)
            with up(free_dir, "--upgrade") as process:
                line = await asyncio.to_thread(said, process, "handed over")
            await until(agent, lambda: hub_pid(agent) not in (0, first))
            assert re.search(rf"hub {first} handed over to hub {hub_pid(agent)} in \d+ ms, 0 frames lost", line)
            assert agent.facts.hub_starts == 1

    asyncio.run(main())


def test_a_second_agent_is_refused(free_dir: Path) -> None:
    async def main() -> None:
        async with living(free_dir, "cam1") as (agent, _):
            await until(agent, lambda: flows(agent) == ["default/cam1"])
            with pytest.raises(AgentAlreadyRuns):
                async with living(free_dir, "cam1"):
                    pytest.fail("two agents on one folder")
            with up(free_dir, "-f", str(free_dir / "connections.yaml"), "--port", "0") as process:
                await asyncio.to_thread(said, process, "another `mediamesh up` runs on")
                assert await asyncio.to_thread(process.wait) == 1

    asyncio.run(main())


def test_a_wrong_file_is_refused_before_anything_starts(free_dir: Path) -> None:
    (free_dir / "connections.yaml").write_text("kind: nonsense")
    with up(free_dir, "-f", str(free_dir / "connections.yaml"), "--port", "0") as process:
        said(process, "connections.yaml:1")
        assert process.wait() == 1
    assert not (free_dir / "root").exists()


def test_files_are_below_the_folder_that_is_said_else_of_the_variable_else_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def media(said: Path | None) -> Path:
        return hub_settings(tmp_path, said, polling=False).media

    monkeypatch.delenv("MEDIAMESH_MEDIA", raising=False)
    monkeypatch.chdir(tmp_path)
    assert media(None) == tmp_path
    monkeypatch.setenv("MEDIAMESH_MEDIA", str(tmp_path / "films"))
    assert media(None) == tmp_path / "films"
    assert media(tmp_path / "others") == tmp_path / "others"


def test_what_cannot_have_its_port_leaves_no_folder(free_dir: Path) -> None:
    path = connections_file(free_dir, "cam1")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with up(free_dir, "-f", str(path), "--port", port) as process:
            said(process, f":{port} cannot be had")
            assert process.wait() == 1
    assert not (free_dir / "root").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_up_ends_in_order(free_dir: Path, number: int) -> None:
    path = connections_file(free_dir, "cam1")
    with up(free_dir, "-f", str(path), "--port", "0") as process:
        pid = int(said(process, "hub: pid").split()[-1])
        assert ended(process, number) == 0
    assert not alive(pid)
    assert remains(free_dir) == []


def test_up_ends_in_order_when_its_terminal_is_closed(free_dir: Path) -> None:
    path = connections_file(free_dir, "cam1")
    with up(free_dir, "-f", str(path), "--port", "0") as process:
        pid = int(said(process, "hub: pid").split()[-1])
        assert process.stdout
        process.stdout.close()
        connections_file(free_dir, "cam2")
        assert process.wait() == 0
    assert not alive(pid)
    assert remains(free_dir) == []


def test_sighup_reads_the_files_again(free_dir: Path) -> None:
    path = connections_file(free_dir, "cam1")
    with up(free_dir, "-f", str(path), "--port", "0") as process:
        said(process, "default/cam1 camera")
        process.send_signal(signal.SIGHUP)
        connections_file(free_dir, "cam2")
        said(process, "default/cam2 camera")
        assert ended(process) == 0


def test_a_killed_agent_leaves_the_hub_and_the_next_one_adopts_it(free_dir: Path) -> None:
    path = connections_file(free_dir, "cam1")
    with up(free_dir, "-f", str(path), "--port", "0") as process:
        pid = int(said(process, "hub: pid").split()[-1])
        ended(process, signal.SIGKILL)
    assert alive(pid)

    async def main() -> None:
        async with living(free_dir, "cam1", "cam2") as (agent, _):
            await until(agent, lambda: flows(agent) == ["default/cam1", "default/cam2"])
            assert (hub_pid(agent), agent.facts.hub_starts) == (pid, 0)
            assert agent.hub
            assert agent.hub.adopted

    asyncio.run(main())
    assert not alive(pid)


def test_without_an_agent_the_upgrade_is_done_from_outside(free_dir: Path) -> None:
    path = connections_file(free_dir, "cam1")
    with up(free_dir, "-f", str(path), "--port", "0") as process:
        first = int(said(process, "hub: pid").split()[-1])
        ended(process, signal.SIGKILL)
    with up(free_dir, "--upgrade") as process:
        line = said(process, "handed over")
        assert process.wait() == 0
    second = int(line.split("to hub ")[1].split()[0])
    assert not alive(first)
    try:
        assert alive(second)
    finally:
        shut_down(free_dir)


def test_an_upgrade_of_nothing_says_so(free_dir: Path) -> None:
    with up(free_dir, "--upgrade") as process:
        said(process, "neither `mediamesh up` nor a hub runs on")
        assert process.wait() == 1


def test_a_hub_that_cannot_start_is_a_problem_that_is_shown(free_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(free_dir))
    (free_dir / "google").mkdir()
    (free_dir / "google" / "__init__.py").write_text("raise SystemExit('broken installation')")

    async def main() -> None:
        async with living(free_dir, "cam1") as (agent, _):
            await until(agent, lambda: "broken installation" in agent.facts.problems.get("hub", ""))

    asyncio.run(main())


def test_a_hub_has_time_to_wait_for_its_recorders() -> None:
    assert supervision.SHUTDOWN_DEADLINE > LONGEST_POLITENESS


def test_a_stopped_hub_is_killed_at_the_end(free_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mediamesh_agent.supervision.SHUTDOWN_DEADLINE", 0.1)

    async def main(agent_control_timeout: float) -> int:
        async with living(free_dir, "cam1") as (agent, _):
            await until(agent, lambda: flows(agent) == ["default/cam1"])
            agent.control._timeout = agent_control_timeout
            pid = hub_pid(agent)
            os.kill(pid, signal.SIGSTOP)
            await until(agent, lambda: agent.facts.observed is None)
            return pid

    assert not alive(asyncio.run(main(0.2)))
    assert remains(free_dir) == []


def test_nobody_answers_after_the_end(free_dir: Path) -> None:
    async def main() -> None:
        async with living(free_dir, "cam1") as (agent, _):
            await until(agent, lambda: flows(agent) == ["default/cam1"])
        with pytest.raises(HubUnreachable):
            await HubControl(free_dir / "root" / "hub.sock").observe()

    asyncio.run(main())
