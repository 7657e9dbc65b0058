"""The liveness probe: a hub that answers, one that hangs, one that is not there."""

import signal
import subprocess
import sys

import pytest
from mediamesh_testing.hub import HubUnderTest

from mediamesh_agent.hub import alive
from mediamesh_agent.hub.framing import framed
from mediamesh_protos import hub_pb2


def test_it_asks_as_everybody_does() -> None:
    assert framed(hub_pb2.HubRequest(observe=hub_pb2.Observe())) == alive.OBSERVE


def test_a_hub_that_answers_lives_and_notices_nothing(hub: HubUnderTest) -> None:
    before = hub.log
    done = subprocess.run([sys.executable, "-m", "mediamesh_agent.hub.alive", str(hub.root)], check=False)
    assert done.returncode == 0
    assert hub.log == before


def test_a_hub_that_hangs_does_not(
    hub: HubUnderTest, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(alive, "_PATIENCE", 0.1)
    hub.process.send_signal(signal.SIGSTOP)
    try:
        assert alive.main([str(hub.root)]) == 1
    finally:
        hub.process.send_signal(signal.SIGCONT)
    assert "no hub answers: TimeoutError" in capsys.readouterr().err


def test_one_that_is_not_there_neither(hub: HubUnderTest, capsys: pytest.CaptureFixture[str]) -> None:
    assert alive.main([str(hub.root / "elsewhere")]) == 1
    assert "no hub answers: FileNotFoundError" in capsys.readouterr().err
