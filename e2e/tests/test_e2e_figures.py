"""The measurement of the operator can be asked for little, and says so when it is asked for what cannot be."""

import subprocess
import sys

import pytest

from mediamesh_e2e.scale.figures import p95


def test_a_percentile_of_one_delay_is_that_delay() -> None:
    assert p95([7.0]) == 7.0
    assert p95([float(number) for number in range(1, 40)]) == 38.0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--changes=0"], "--changes: 0 is below 1"),
        (["--rest=-1"], "--rest: -1 is below 1"),
        (["--connections=3"], "--changes: there are no more than 3 connections to change"),
        (["--pods=4999"], "--pods: 1000 connections need 5000 to become Ready"),
    ],
    ids=str,
)
def test_what_cannot_be_measured_is_wrong_usage(words: list[str], said: str) -> None:
    command = [sys.executable, "-m", "mediamesh_e2e.scale", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (2, f"mediamesh_e2e.scale: error: {said}")
