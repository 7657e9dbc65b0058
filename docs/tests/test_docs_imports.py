"""What the design says of imports holds for what really happens at run time, lazy and indirect imports included.

import-linter reads the sources; this starts an interpreter and looks at what it has loaded.
"""

import re
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

OURS = {"mediamesh_core", "mediamesh_protos", "mediamesh_native"}
EVERY_MODULE_OF = """
import importlib, pkgutil
package = importlib.import_module({name!r})
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""


def loaded_by(program: str) -> set[str]:
    """Run a program in a fresh interpreter; give the full names of the modules it has loaded."""
    listing = "\nimport sys\nprint(' '.join(set(sys.modules) - before))"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; before = set(sys.modules)\n{program}{listing}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def foreign(modules: set[str]) -> set[str]:
    """Keep the top-level names that are neither Python's nor among those every distribution may have."""
    names = {name.partition(".")[0] for name in modules}
    # What Cython's modules share lies in modules that it makes up at run time.
    return {name for name in names if not re.match("_?cython_", name)} - sys.stdlib_module_names - OURS


@pytest.mark.parametrize("module", ["mediamesh_core.formats", "mediamesh_core.plan"])
def test_core_without_its_edges_needs_only_the_standard_library(module: str) -> None:
    assert foreign(loaded_by(f"import {module}")) == set()


def test_importing_the_sdk_is_light() -> None:
    loaded = loaded_by("import mediamesh")

    assert foreign(loaded) <= {"mediamesh", "google"}
    assert not any(name.startswith("mediamesh_core.kinds") for name in loaded)


def test_the_hub_needs_nothing_from_outside_but_protobuf() -> None:
    loaded = loaded_by(EVERY_MODULE_OF.format(name="mediamesh_agent.hub"))

    assert foreign(loaded) == {"mediamesh_agent", "google"}
    assert not any(name.startswith("mediamesh_core.kinds") for name in loaded)


@pytest.mark.parametrize("group", ["mediamesh.bridges", "mediamesh.commands"])
def test_entry_points_lead_somewhere(group: str) -> None:
    found = list(entry_points(group=group))

    assert found
    assert all(entry.load() for entry in found)
