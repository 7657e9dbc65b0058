"""Layers out of Debian packages: a set of packages and all that they depend on, unpacked but not installed.

apt works out the set as for a computer that has nothing yet, and fetches and checks the packages. Their scripts are not
run: what a container of ours needs of them (links of busybox) is done here.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from mediamesh_e2e.errors import ProgramFailed
from mediamesh_e2e.images.archive import FORM, write_layer
from mediamesh_e2e.programs import run
from mediamesh_e2e.toolchain import cached

EMPTY = ("-o", "Dir::State::status=/dev/null", "-o", "Debug::NoLocking=true")
PYTHON = ("base-files", "python3-minimal", "libpython3-stdlib", "libstdc++6", "busybox-static", "tzdata")
RELEASE = Path("/etc/os-release")
UNNEEDED = ("usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/lintian", "usr/share/locale")


def debian_layer(packages: Sequence[str]) -> Path:
    """Give the layer file of these packages and their dependencies; made once for each release of Debian."""
    key = " ".join(sorted(packages)) + RELEASE.read_text() + FORM
    return cached(key, f"layer of {' '.join(packages)}", lambda folder: _make(packages, folder)) / "layer.tar"


def _make(packages: Sequence[str], folder: Path) -> None:
    fetched, tree = folder / "packages", folder / "tree"
    fetched.mkdir()
    tree.mkdir()
    try:
        _fetch(packages, fetched)
    except ProgramFailed:  # apt knows no packages yet, or old ones
        run(["apt-get", "update", "-qq"])
        _fetch(packages, fetched)
    # base-files has the top folders, which may be links that the others rely on
    for package in sorted(fetched.glob("*.deb"), key=lambda file: (not file.name.startswith("base-files_"), file.name)):
        run(["dpkg-deb", "--extract", package, tree])
    for name in UNNEEDED:
        shutil.rmtree(tree / name, ignore_errors=True)
    if (tree / "bin/busybox").exists():
        run(["chroot", tree, "/bin/busybox", "sh", "-c", "/bin/busybox --install -s /bin 2>/dev/null; true"])
    write_layer(tree, folder / "layer.tar")
    shutil.rmtree(fetched)
    shutil.rmtree(tree)


def _fetch(packages: Sequence[str], folder: Path) -> None:
    install = ["apt-get", "-qq", "-y", "--no-install-recommends", *EMPTY, "--print-uris", "install", *packages]
    names = [line.split()[1] for line in run(install).splitlines() if line.startswith("'")]
    run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", *map(_package, names)], folder=folder)


def _package(file: str) -> str:
    """Give what apt calls the package in a file `name_version_architecture.deb`, whose version is percent-encoded."""
    name, version, _ = file.removesuffix(".deb").split("_")
    return f"{name}={version.replace('%3a', ':')}"
