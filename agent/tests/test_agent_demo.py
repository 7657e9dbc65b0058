"""The demo as it is run: everything at once, with real processes."""

import signal
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def test_the_check_passes_and_leaves_nothing() -> None:
    command = [sys.executable, "-m", "mediamesh_agent.demo", "--check", "--seconds", "1"]
    run = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=100, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    rows = {line.split()[0]: line.split() for line in run.stdout.splitlines()}
    for sink in ("checker", "recorder"):
        frames, lost, altered = (int(cell) for cell in rows[sink][1:4])
        assert frames > 0
        assert (lost, altered) == (0, 0)
    assert {"viewer", "slow", "page"} <= rows.keys()
    assert run.stdout.endswith("left behind: nothing\n")


def test_ctrl_c_leaves_nothing() -> None:
    command = [sys.executable, "-m", "mediamesh_agent.demo", "--port", "0"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:
        assert demo.stdout is not None
        said = demo.stdout.readline()
        demo.send_signal(signal.SIGINT)
        said += demo.communicate(timeout=100)[0]
    assert said.startswith("the film is at http://127.0.0.1:"), said
    assert said.endswith("ending in order …\nleft behind: nothing\n"), said
    assert demo.returncode == 0
