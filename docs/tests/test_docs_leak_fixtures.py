"""The root conftest.py finds what a test leaves behind: each kind is left behind on purpose, and must be named."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from mediamesh_testing.pages import ROOT
from mediamesh_testing.waiting import wait_until

LEAKS = {
    "tidy": ("", ""),
    "child": ("KEPT.append(subprocess.Popen(['sleep', '60']))", "sleep 60"),
    "orphan": ("subprocess.run(['sh', '-c', 'sleep 61 & exit 0'], check=True)", "sleep 61"),
    "zombie": ("os.posix_spawn('/bin/true', ['true'], {})", "(zombie)"),
    "descriptor": ("KEPT.append(os.open('/dev/null', os.O_RDONLY))", "/dev/null"),
    "mapping": (
        "fd = os.memfd_create('forgotten'); os.ftruncate(fd, 4096); KEPT.append(mmap.mmap(fd, 4096)); os.close(fd)",
        "forgotten",
    ),
    "cyclic": ("cycle = [open('/dev/zero', 'rb')]; cycle.append(cycle)", ""),
}
HEAD = "import mmap, os, subprocess, warnings\nwarnings.simplefilter('ignore')\nKEPT = []\n"


def run_tests(folder: Path, tests: str) -> dict[str, str]:
    """Run tests below a copy of our conftest; give the error of each test's teardown, "" for none."""
    impatient = (ROOT / "conftest.py").read_text().replace("PATIENCE = 5.0", "PATIENCE = 0.3")
    (folder / "conftest.py").write_text(impatient)
    (folder / "test_leaving.py").write_text(HEAD + tests)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml=report.xml"]
    subprocess.run(command, cwd=folder, capture_output=True, check=False)
    errors: dict[str, str] = {}
    for case in ET.parse(folder / "report.xml").iter("testcase"):
        errors.setdefault(case.attrib["name"], "")
        errors[case.attrib["name"]] += "".join(error.text or "" for error in case.iter("error"))
    return errors


def end_sleepers(folder: Path) -> None:
    """End what the tests in `folder` left behind: they have it as their working directory."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == folder:
                os.kill(int(process.name), 9)
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue


@pytest.fixture(scope="module")
def errors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("leaks").resolve()
    tests = "".join(f"def test_{name}():\n    {body or 'pass'}\n" for name, (body, _) in LEAKS.items())
    tests += "def test_last(): pass\n"  # what the session finds is told at its last test
    try:
        return run_tests(folder, tests)
    finally:
        end_sleepers(folder)


@pytest.mark.parametrize(("name", "named"), [(name, named) for name, (_, named) in LEAKS.items()])
def test_leak_is_named(errors: dict[str, str], name: str, named: str) -> None:
    found = errors[f"test_{name}"]

    assert ("left behind" in found) == bool(named)
    assert named in found


def test_free_dir_is_short_and_gone_afterwards(free_dir: Path) -> None:
    assert len(str(free_dir / "pods" / ("x" * 36) / "attach.sock")) <= 107
    assert not list(free_dir.iterdir())


def test_own_processes_are_told_from_others(pytestconfig: pytest.Config) -> None:
    fixtures = pytestconfig.pluginmanager.get_plugin(str(ROOT / "conftest.py"))
    assert fixtures is not None
    with subprocess.Popen(["sleep", "60"]) as process:
        wait_until(lambda: any("sleep 60" in row for row in fixtures.belongings().processes))
        process.kill()
    assert not any(row.startswith(f"{process.pid} ") for row in fixtures.belongings().processes)
