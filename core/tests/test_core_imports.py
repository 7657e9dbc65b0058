"""What applications pay for: the formats and the plan's classes import the standard library and nothing else."""

import json
import subprocess
import sys

import pytest


def imported(module: str) -> set[str]:
    """Return the top-level packages that are loaded after importing `module`, in a fresh interpreter."""
    code = f"import sys, json, {module}; print(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(done.stdout))


def bare() -> set[str]:
    """Return what an interpreter loads by itself: `.pth` files of editable installs are not ours."""
    return imported("json")


@pytest.mark.parametrize("module", ["formats", "errors", "plan", "states", "suggestions"])
def test_only_the_standard_library_is_imported(module: str) -> None:
    foreign = imported(f"mediamesh_core.{module}") - bare() - set(sys.stdlib_module_names)
    assert foreign == {"mediamesh_core"}
