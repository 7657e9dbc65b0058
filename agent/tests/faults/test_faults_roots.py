"""Two hubs on one folder, and what lies in a folder after a bad end."""

import signal
import subprocess
import sys

import pytest
from faults_stage import Chance, audited
from mediamesh_testing.actors import acting, source, taker, unharmed
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.plans import lossless
from mediamesh_testing.waiting import wait_until
from mediamesh_testing.watching import all_taken


def second(hub: HubUnderTest, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "mediamesh_agent.hub", "--root", str(hub.root), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_a_second_hub_is_refused_plainly_and_the_first_goes_on(hub: HubUnderTest) -> None:
    hub.apply(lossless())
    with audited(hub), acting(taker(), source()) as (taking, feeding):
        for _ in range(3):
            refused = second(hub)
            assert refused.returncode == 1
            assert refused.stdout == ""
            assert refused.stderr.splitlines()[-1].startswith("RootTaken: "), refused.stderr
            assert "Traceback" not in refused.stderr
        Chance(hub, 0).moment()
        feeding.end()
        all_taken(hub)
        unharmed(taking.end())


def test_two_hubs_that_begin_together_agree_on_one(hub: HubUnderTest) -> None:
    hub.apply(lossless())
    hub.kill()
    rivals = [hub.launch() for _ in range(3)]
    statuses = []
    for rival in rivals:
        assert rival.stdout is not None
        with rival.stdout:
            line = rival.stdout.readline()
        if line == b"ready\n":
            hub.process = rival
        else:
            statuses.append(rival.wait(20))
    assert statuses == [1, 1]
    assert hub.observe().pid == hub.process.pid
    assert hub.stop() == 0


def test_a_stopped_hub_still_holds_its_folder(hub: HubUnderTest) -> None:
    hub.process.send_signal(signal.SIGSTOP)
    try:
        assert second(hub).returncode == 1
    finally:
        hub.process.send_signal(signal.SIGCONT)


def test_two_successors_at_once_leave_one_hub(hub: HubUnderTest) -> None:
    hub.apply(lossless())
    with acting(taker(), source()) as (taking, feeding):
        rivals = [hub.launch("--take-over") for _ in range(3)]
        hub.reap()
        running = []
        for rival in rivals:
            assert rival.stdout is not None
            if rival.stdout.readline() == b"ready\n":
                running.append(rival)
        wait_until(lambda: sum(rival.poll() is None for rival in rivals) == 1, "one to be left")
        hub.process = next(rival for rival in rivals if rival.poll() is None)
        for rival in rivals:
            if rival is not hub.process and rival.stdout is not None:
                rival.stdout.close()
        assert hub.process in running
        Chance(hub, 0).moment()
        feeding.end()
        all_taken(hub)
        report = taking.end()
    unharmed(report)
    assert report["flagged"] == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_after_any_end_the_folder_can_be_used_again(hub: HubUnderTest, number: int) -> None:
    hub.apply(lossless())
    with audited(hub):
        for _ in range(3):
            hub.process.send_signal(number)
            assert hub.reap() in {0, -signal.SIGKILL}
            hub.restart()
            assert hub.flow().connection == "default/cam", "the last plan runs"
            with acting(taker(), source(wait_for_sinks=1)) as (taking, feeding):
                Chance(hub, 0).moment()
                feeding.end()
                all_taken(hub)
                unharmed(taking.end())
