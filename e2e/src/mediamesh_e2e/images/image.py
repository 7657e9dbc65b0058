"""An image for the tests: what is in it, and the archive made of that.

The layers are, from below: Debian packages, third-party wheels, our wheels and loose files. Each is made when its
content is new, so a change of our code costs a second.
"""

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mediamesh_e2e.images.archive import Start, write_archive, write_layer
from mediamesh_e2e.images.debian import PYTHON, debian_layer
from mediamesh_e2e.toolchain import cached, install_wheels

SITE = Path("usr/lib/python3/dist-packages")
PROGRAMS = Path("usr/local/bin")


@dataclass(frozen=True, slots=True)
class Image:
    """What an image is made of; `reference` is its full name with a tag other than `latest`, so that nobody pulls it.

    `requirements` is the text of a requirements file with hashes; `wheels` are files of our own; `files` are contents
    by absolute path.
    """

    reference: str
    start: Start
    packages: tuple[str, ...] = PYTHON
    requirements: str = ""
    wheels: tuple[Path, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)


def build(image: Image) -> Path:
    """Give the image's archive."""
    layers = [debian_layer(image.packages)]
    if image.requirements:
        layers.append(_wheels_layer(image.requirements))
    if image.wheels or image.files:
        layers.append(_own_layer(image))
    key = "\n".join([image.reference, repr(image.start), *map(str, layers)])
    made = cached(key, f"image {image.reference}", lambda folder: _archive(image, layers, folder))
    return made / "image.tar"


def _archive(image: Image, layers: list[Path], folder: Path) -> None:
    write_archive(image.reference, image.start, layers, folder / "image.tar")


def _wheels_layer(requirements: str) -> Path:
    def make(folder: Path) -> None:
        install_wheels(requirements, folder / "tree" / SITE)
        _close(folder)

    return cached(requirements, "layer of wheels", make) / "layer.tar"


def _own_layer(image: Image) -> Path:
    digests = [hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in image.wheels]
    key = "\n".join([*digests, repr(sorted(image.files.items()))])

    def make(folder: Path) -> None:
        if image.wheels:
            lines = zip(image.wheels, digests, strict=True)
            install_wheels(
                "\n".join(f"{wheel} --hash=sha256:{digest}" for wheel, digest in lines), folder / "tree" / SITE
            )
        for path, content in image.files.items():
            target = folder / "tree" / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content)
        _close(folder)

    return cached(key, f"layer of {image.reference}", make) / "layer.tar"


def _close(folder: Path) -> None:
    """Put console scripts where the PATH looks, for the image's Python, and write the layer."""
    tree = folder / "tree"
    scripts = tree / SITE / "bin"
    for script in scripts.glob("*"):
        target = tree / PROGRAMS / script.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_for_the_image(script.read_bytes()))
        target.chmod(0o755)
    shutil.rmtree(scripts, ignore_errors=True)
    write_layer(tree, folder / "layer.tar")
    shutil.rmtree(tree)


def _for_the_image(program: bytes) -> bytes:
    """Replace the interpreter of a script, which is that of this computer."""
    return b"#!/usr/bin/python3\n" + program.partition(b"\n")[2] if program.startswith(b"#!") else program
