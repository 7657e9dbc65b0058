"""The images of the Containerfile, built by `make images` as a user builds them; with buildah, which needs no daemon.

There is no registry to pull bases from. They are made of Debian packages instead, with files of the official images
of Python that must not be in ours. Where packages come from is the machine's own affair: the configuration of its
clients is mounted into the build. buildah's storage stays, with the layers of builds before, as it does for a user;
until the Containerfile or the lock file are others, or it would grow for ever.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mediamesh_e2e.images.archive import Start, write_archive, write_layer
from mediamesh_e2e.images.debian import PYTHON, debian_layer
from mediamesh_e2e.places import CACHE, REPOSITORY
from mediamesh_e2e.programs import run
from mediamesh_e2e.toolchain import alone, require_packages

KEPT = CACHE / "buildah"
CONFIGURATION = "storage.conf"
NAMES = ("operator", "node", "sdk")
BUILDER = (*PYTHON, "gcc", "libc6-dev", "python3", "python3-dev", "python3-pip")
UNWANTED = ("usr/local/bin/pip", "usr/local/lib/python3.11/site-packages/pip/__init__.py", "var/lib/apt/lists/index")
PIP = (Path.home() / ".config/pip/pip.conf", Path("/etc/pip.conf"))
CERTIFICATES = "/etc/ssl/certs"


@dataclass(frozen=True, slots=True)
class BuiltImages:
    """The images in a storage of their own; `printed` is what `make images` told of them."""

    environment: Mapping[str, str]
    tag: str
    printed: str

    def archive(self, name: str, reference: str, target: Path) -> None:
        """Write an image as an OCI archive that is called `reference` wherever it is imported."""
        self._buildah(
            "push", "--quiet", "--disable-compression", self._image(name), f"oci-archive:{target}:{reference}"
        )

    def configuration(self, name: str) -> Any:
        """Give the OCI configuration of an image: user, entry point, environment, labels."""
        return json.loads(self._buildah("inspect", "--type", "image", self._image(name)))["OCIv1"]["config"]

    def root(self, name: str) -> Path:
        """Give the folder with the files of an image, until the images go."""
        container = self._buildah("from", "--pull-never", self._image(name)).strip()
        return Path(self._buildah("mount", container).strip())

    def _image(self, name: str) -> str:
        return f"localhost/mediamesh-{name}:{self.tag}"

    def _buildah(self, *words: str) -> str:
        return run(["buildah", *words], environment=self.environment)


@contextmanager
def built_images(tag: str) -> Iterator[BuiltImages]:
    """Build all images, one process at a time; the first time takes minutes, later what is new in ours takes."""
    require_packages(["buildah"])
    KEPT.mkdir(parents=True, exist_ok=True)
    with alone(KEPT / "storage"):
        storage = _storage()
        environment = _environment(storage, tag)
        _remove_containers(environment)  # what a killed run left
        try:
            environment["OPTIONS"] = " ".join([*_bases(storage, environment), *_clients(storage)])
            printed = run(["make", "-s", "images"], folder=REPOSITORY, environment=environment)
            yield BuiltImages(environment, tag, printed)
        finally:
            _remove_containers(environment)


def _storage() -> Path:
    """Give the folder of buildah's storage for the present versions of all that is not ours, and remove others."""
    told = b"".join((REPOSITORY / name).read_bytes() for name in ("Containerfile", "pyproject.toml", "uv.lock"))
    storage = KEPT / f"storage-{hashlib.sha256(told).hexdigest()[:16]}"
    for other in KEPT.glob("storage-*"):
        if other != storage:
            _remove(other)
    if not (storage / CONFIGURATION).exists():
        _write_configuration(storage)
    return storage


def _remove(storage: Path) -> None:
    if (storage / CONFIGURATION).exists():
        environment = _environment(storage, tag="")
        _remove_containers(environment)
        run(["buildah", "rmi", "--all", "--force"], environment=environment)
    shutil.rmtree(storage, ignore_errors=True)


def _remove_containers(environment: Mapping[str, str]) -> None:
    run(["buildah", "rm", "--all"], environment=environment)


def _write_configuration(storage: Path) -> None:
    storage.mkdir(exist_ok=True)
    told = {"driver": "overlay", "graphroot": str(storage / "storage"), "runroot": str(storage / "run")}
    lines = [f"{name} = {json.dumps(value)}" for name, value in told.items()]
    (storage / CONFIGURATION).write_text("\n".join(["[storage]", *lines, ""]))


def _environment(storage: Path, tag: str) -> dict[str, str]:
    return {
        **os.environ,
        "CONTAINERS_STORAGE_CONF": str(storage / CONFIGURATION),
        "TMPDIR": str(KEPT),  # buildah has what `RUN --mount=type=cache` keeps in its folder for temporary files
        "BUILDAH_ISOLATION": "chroot",
        "ENGINE": "buildah",
        "REGISTRY": "",
        "TAG": tag,
    }


def _bases(storage: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Make the two images that the Containerfile begins with, and give the options that name them."""
    layers = {"BASE": [debian_layer(PYTHON), _unwanted(storage)], "BUILDER": [debian_layer(BUILDER)]}
    for argument, files in layers.items():
        reference, archive = f"localhost/{argument.lower()}:1", storage / "base.tar"
        write_archive(reference, Start(("python3",)), files, archive)
        run(["buildah", "pull", "--quiet", f"oci-archive:{archive}"], environment=environment)
        archive.unlink()
        yield f"--build-arg={argument}={reference}"
    yield "--pull-never"


def _unwanted(storage: Path) -> Path:
    """Give a layer with what the official base has and no image of ours may have; `su` keeps no right of its owner."""
    tree = storage / "unwanted"
    for name in (*UNWANTED, "usr/bin/su"):
        file = tree / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    (tree / "usr/bin/su").chmod(0o4755)
    write_layer(tree, storage / "unwanted.tar")
    shutil.rmtree(tree)
    return storage / "unwanted.tar"


def _clients(storage: Path) -> Iterator[str]:
    """Give the options that let pip and uv in the build work as they do on this machine."""
    (storage / "uv.toml").write_text("system-certs = true\n")
    yield f"--volume={storage / 'uv.toml'}:/etc/uv/uv.toml:ro"
    yield f"--volume={CERTIFICATES}:{CERTIFICATES}:ro"
    for file in filter(Path.exists, PIP):
        yield f"--volume={file}:/etc/pip.conf:ro"
        break
