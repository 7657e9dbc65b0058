"""What the containers of agent and hub take while nothing happens: read from this computer's /proc and cgroups.

The memory is the proportional set size of all processes of both containers (a page that several share counts in parts)
beside the resident one, in which shared pages count each time. The CPU is the scheduler's account of their threads.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from mediamesh_e2e.release.chart import Release

CONTAINERS = ("agent", "hub")


@dataclass(frozen=True, slots=True)
class Rest:
    """Of both containers together: memory in MiB, CPU in % of a core; and each container's own."""

    proportional: float
    resident: float
    cpu: float
    each: dict[str, dict[str, float]]


def at_rest(release: Release, node: str, seconds: float) -> Rest:
    """Look at a node's containers now and in so many seconds; only where the machines are ours."""
    pod = release.node_pod(node)
    processes = {name: _processes(release.container(pod, name)) for name in CONTAINERS}
    before = {name: _cpu(found) for name, found in processes.items()}
    time.sleep(seconds)
    each = {
        name: {
            "proportional": _memory(found, "Pss"),
            "resident": _memory(found, "Rss"),
            "cpu": 100 * (_cpu(found) - before[name]) / seconds,
        }
        for name, found in processes.items()
    }
    together = {what: sum(one[what] for one in each.values()) for what in ("proportional", "resident", "cpu")}
    return Rest(each=each, **together)


def _processes(container: str) -> list[Path]:
    """Give the processes of a container, which has a cgroup of its name in every hierarchy."""
    return [cgroup.parent for cgroup in Path("/proc").glob("[0-9]*/cgroup") if container in _text(cgroup)]


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""  # ended in this moment


def _memory(processes: list[Path], name: str) -> float:
    lines = [line.split() for process in processes for line in _text(process / "smaps_rollup").splitlines()]
    return sum(int(words[1]) for words in lines if words[0] == f"{name}:") / 1024


def _cpu(processes: list[Path]) -> float:
    accounts = [_text(task) for process in processes for task in process.glob("task/*/schedstat")]
    return sum(int(account.split()[0]) for account in accounts if account) / 1e9
