"""The Containerfile makes images that the chart can start: small, as locked, without tools, written by root only."""

import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mediamesh_e2e.backends.backend import Backend
from mediamesh_e2e.cluster.cluster import Cluster
from mediamesh_e2e.images.containerfile import NAMES, BuiltImages, built_images
from mediamesh_e2e.images.distributions import of_image
from mediamesh_e2e.pods import Pods, pod
from mediamesh_e2e.programs import run
from mediamesh_e2e.toolchain import uv

TAG = "containerfile"
MEGABYTE = 1_000_000
AT_MOST = {"operator": 280, "node": 310, "sdk": 275}  # megabytes
STARTS = {
    "operator": ("65532:65532", ["mediamesh-operator"]),
    "node": ("", ["mediamesh-node"]),
    "sdk": ("65532:65532", ["mediamesh"]),
}
TOOLS = {"gcc", "cc", "ld", "as", "make", "pip", "pip3", "uv", "cython", "meson", "ninja"}
SITE = "opt/mediamesh/lib/python3.11/site-packages"
TIME_OF_SOURCE = slice(8, 12)  # in the head of a .pyc file, PEP 552

images = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def built() -> Iterator[BuiltImages]:
    with built_images(TAG) as made:
        yield made


@pytest.fixture(scope="module")
def roots(built: BuiltImages) -> dict[str, Path]:
    return {name: built.root(name) for name in NAMES}


def inside(root: Path, *command: str) -> str:
    """Run a program of the image on the image's files."""
    environment = {"PATH": "/opt/mediamesh/bin:/usr/bin:/bin", "HOME": "/"}  # as containerd gives a user without a name
    return run(["/usr/sbin/chroot", "--userspec=65532:65532", root, *command], environment=environment)


def files(root: Path) -> Iterator[Path]:
    return (path for path in root.rglob("*") if path.is_file() and not path.is_symlink())


@pytest.mark.timeout(1200)
def test_make_images_prints_names_and_sizes(built: BuiltImages) -> None:
    lines = [line.split() for line in built.printed.splitlines()]

    assert [line[0] for line in lines] == [f"mediamesh-{name}:{TAG}" for name in NAMES]
    assert all(float(size) > 0 and unit == "MB" for _, size, unit in lines)


@images
def test_an_image_starts_what_the_chart_expects_as_its_user(built: BuiltImages, name: str) -> None:
    configuration = built.configuration(name)

    assert (configuration.get("User", ""), configuration["Entrypoint"]) == STARTS[name]
    assert "Cmd" not in configuration
    assert configuration["Env"][0].startswith("PATH=/opt/mediamesh/bin:")


@images
def test_an_image_says_what_it_is(built: BuiltImages, name: str) -> None:
    labels = built.configuration(name)["Labels"]
    commit = run(["git", "rev-parse", "HEAD"], folder=Path(__file__).parent).strip()

    assert labels["org.opencontainers.image.title"] == f"mediamesh-{name}"
    assert labels["org.opencontainers.image.version"] == "0.1.0"
    assert labels["org.opencontainers.image.revision"].removesuffix("-dirty") == commit
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"


@images
def test_an_image_has_no_tools_and_gives_nobody_rights(roots: dict[str, Path], name: str) -> None:
    root = roots[name]

    assert not [path for path in root.rglob("*bin/*") if path.name in TOOLS]
    assert not [path for path in root.rglob("site-packages/*") if path.name in {"pip", "setuptools", "wheel", "uv"}]
    assert not list((root / "var/lib/apt").rglob("lists/*"))
    assert not [path for path in files(root) if path.stat().st_mode & (stat.S_ISUID | stat.S_ISGID)]


@images
def test_nobody_but_root_can_write_what_is_ours(roots: dict[str, Path], name: str) -> None:
    ours = roots[name] / "opt/mediamesh"
    entries = [path.lstat() for path in (ours, *ours.rglob("*")) if not path.is_symlink()]

    assert {(entry.st_uid, entry.st_gid) for entry in entries} == {(0, 0)}
    assert not [entry for entry in entries if entry.st_mode & (stat.S_IWGRP | stat.S_IWOTH)]
    assert all(entry.st_mode & stat.S_IROTH for entry in entries)
    assert stat.S_IMODE((roots[name] / "tmp").stat().st_mode) == 0o1777


@images
def test_an_image_is_small(roots: dict[str, Path], name: str) -> None:
    size = sum(path.stat().st_size for path in files(roots[name]))

    assert size < AT_MOST[name] * MEGABYTE


@images
def test_the_versions_are_those_of_the_lock_file(roots: dict[str, Path], name: str) -> None:
    python = roots[name] / SITE
    listed = run([uv(), "pip", "list", "--quiet", "--format=freeze", "--python", sys.executable, "--target", python])
    wanted = of_image(name)
    ours = {"==".join(wheel.name.split("-")[:2]).replace("_", "-") for wheel in wanted.wheels}
    theirs = {line.split(" ")[0] for line in wanted.requirements.splitlines() if applies(line)}

    assert set(listed.split()) == ours | theirs


def applies(line: str) -> bool:
    """Tell whether a line names a package for Python 3.11, and no hash."""
    return "==" in line and not line.startswith(" ") and "python_full_version >= '3.12'" not in line


@images
def test_everything_is_compiled_and_nothing_is_stale(roots: dict[str, Path], name: str) -> None:
    modules = [path for path in files(roots[name] / SITE) if path.suffix == ".py" and "mediamesh" in str(path)]

    assert modules
    for module in modules:
        (compiled,) = module.parent.glob(f"__pycache__/{module.stem}.cpython-311.pyc")
        assert int.from_bytes(compiled.read_bytes()[TIME_OF_SOURCE], "little") == int(module.stat().st_mtime)


def test_the_programs_of_the_images_run(roots: dict[str, Path]) -> None:
    assert "usage: mediamesh" in inside(roots["sdk"], "mediamesh", "--help")
    assert inside(roots["sdk"], "mediamesh", "--version") == "mediamesh 0.1.0\n"
    assert "usage: mediamesh-operator" in inside(roots["operator"], "mediamesh-operator", "--help")
    assert "usage: mediamesh-node" in inside(roots["node"], "mediamesh-node", "--help")
    assert "--mark" in inside(roots["node"], "python3", "-m", "mediamesh_agent.hub.keeper", "--help")
    assert inside(roots["sdk"], "python3", "-c", "import av, numpy, mediamesh_bridges.file; print('all')") == "all\n"


def test_without_an_engine_it_says_what_to_do(tmp_path: Path) -> None:
    for program in ("bash", "sed", "git", "dirname"):
        (tmp_path / program).symlink_to(f"/usr/bin/{program}")
    build = Path(__file__).parents[2] / ".ci/images"

    def said(**environment: str) -> str:
        done = subprocess.run(
            ["/bin/bash", build],
            env={"PATH": str(tmp_path), **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode != 0
        return done.stderr

    assert said() == (
        "no container engine here: install docker (and start it), podman or buildah; or name one by ENGINE=\n"
    )
    assert said(ENGINE="podman") == "podman: no such container engine here\n"


def test_pods_run_the_images(
    built: BuiltImages, cluster: Cluster, backend: Backend, pods: Pods, tmp_path: Path
) -> None:
    wanted = {"sdk": (["mediamesh", "--version"], "mediamesh 0.1.0"), "operator": ((), "usage: mediamesh-operator")}
    safe = {"securityContext": {"runAsNonRoot": True, "readOnlyRootFilesystem": True}}
    for name, (command, _) in wanted.items():
        reference = f"registry.test/mediamesh-{name}:{TAG}"
        built.archive(name, reference, tmp_path / name)
        cluster.nodes["node-a"].import_image(tmp_path / name)
        arguments = {} if command else {"args": ["--help"]}
        once = {"restartPolicy": "Never"}
        backend.kubectl.apply(
            pod(name, reference, command, node="node-a", container={**safe, **arguments}, spec=once),
            namespace=pods.namespace,
        )
    done = ["--for=jsonpath={.status.phase}=Succeeded", "pods", "--all", "--timeout=60s"]
    backend.kubectl("wait", "--namespace", pods.namespace, *done)
    for name, (_, answer) in wanted.items():
        assert answer in backend.kubectl("logs", name, "--namespace", pods.namespace)
