"""The machine that a result is from, without its name."""

import os
import platform
from pathlib import Path
from typing import Any


def describe() -> dict[str, Any]:
    """Return what matters for the numbers."""
    return {
        "cpu": _field("/proc/cpuinfo", "model name"),
        "cpus": len(os.sched_getaffinity(0)),
        "virtual": "hypervisor" in _field("/proc/cpuinfo", "flags").split(),
        "memory_gb": round(int(_field("/proc/meminfo", "MemTotal").split()[0]) / 1e6, 1),
        "kernel": ".".join(platform.release().split("-")[0].split(".")[:3]),
        "python": platform.python_version(),
        "huge_pages": _field("/proc/meminfo", "HugePages_Total"),
    }


def _field(file: str, name: str) -> str:
    for line in Path(file).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""
