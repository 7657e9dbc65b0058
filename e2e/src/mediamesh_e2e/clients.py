"""Programs that are there without a cluster: helm, kubectl, and Prometheus' own judge of rules.

They are fetched once and kept in the cache, in seconds, by anybody: none of them is installed.
"""

import shutil
from pathlib import Path

from mediamesh_e2e.errors import ProgramFailed
from mediamesh_e2e.programs import run
from mediamesh_e2e.toolchain import CLIENTS, cached, unpack_clients

_RELEASE = Path("/etc/os-release")
_DOWNLOAD = ("apt-get", "-qq", "-o", "APT::Sandbox::User=root", "-o", "Debug::NoLocking=true", "download", "prometheus")


def helm() -> Path:
    """Give the file of helm."""
    return cached(CLIENTS, "kubectl and helm", unpack_clients) / "helm"


def promtool() -> Path:
    """Give the file of promtool, out of Debian's package of Prometheus; nothing is installed or started."""
    return cached(f"promtool {_RELEASE.read_text()}", "promtool", _unpack_promtool) / "promtool"


def _unpack_promtool(folder: Path) -> None:
    scratch = folder / "scratch"
    scratch.mkdir()
    try:
        run(_DOWNLOAD, folder=scratch)
    except ProgramFailed:  # apt knows no packages yet, or old ones
        run(["apt-get", "update", "-qq"])
        run(_DOWNLOAD, folder=scratch)
    (package,) = scratch.glob("*.deb")
    run(["dpkg-deb", "--extract", package, scratch / "tree"])
    (scratch / "tree/usr/bin/promtool").rename(folder / "promtool")
    shutil.rmtree(scratch)
