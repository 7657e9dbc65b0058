"""Running a program to its end, with a message that says enough when it fails."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from mediamesh_e2e.errors import ProgramFailed

LAST_WORDS = 4000  # characters of what a failed program said


def run(
    command: Sequence[str | Path],
    *,
    given: str | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    timeout: float | None = None,
) -> str:
    """Run a program and give what it wrote to standard output; `given` is its standard input.

    Raises `ProgramFailed` with the command and its last words when it ends with anything but 0, or not in time.
    """
    try:
        done = subprocess.run(
            command,
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            cwd=folder,
            timeout=timeout,
        )
    except FileNotFoundError as error:
        raise ProgramFailed(f"{command[0]}: no such program") from error
    except subprocess.TimeoutExpired as error:
        raise ProgramFailed(f"{_spelled(command)}: still runs after {timeout:.0f} s") from error
    if done.returncode != 0:
        said = (done.stderr + done.stdout).strip()[-LAST_WORDS:]
        raise ProgramFailed(f"{_spelled(command)}: ended with {done.returncode}\n{said}")
    return done.stdout


def _spelled(command: Sequence[str | Path]) -> str:
    return " ".join(str(word) for word in command)
