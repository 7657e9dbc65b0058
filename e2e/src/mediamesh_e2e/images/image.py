"""An image for the tests: what is in it, and the archive made of that.

The layers are, from below: Debian packages, third-party wheels, our wheels and loose files. Each is made when its
content is new, so a change of our code costs seconds.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mediamesh_e2e.images.archive import FORM, Start, write_archive, write_layer
from mediamesh_e2e.images.debian import PYTHON, debian_layer
from mediamesh_e2e.toolchain import MADE, cached, install_wheels

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


@contextmanager
def archived(image: Image) -> Iterator[Path]:
    """Write the image's archive, and remove it at the end of the block; only its layers are kept."""
    below = layers(image)
    MADE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=MADE, prefix=".image-") as folder:
        archive = Path(folder) / "image.tar"
        write_archive(image.reference, image.start, below, archive)
        yield archive


def layers(image: Image) -> list[Path]:
    """Give the files of the image's layers, lowest first."""
    made = [debian_layer(image.packages)]
    if image.requirements:
        made.append(_wheels_layer(image.requirements))
    if image.wheels or image.files:
        made.append(_own_layer(image))
    return made


def _wheels_layer(requirements: str) -> Path:
    def make(folder: Path) -> None:
        install_wheels(requirements, folder / "tree" / SITE)
        _close(folder)

    return cached(requirements + FORM, "layer of wheels", make) / "layer.tar"


def _own_layer(image: Image) -> Path:
    digests = [hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in image.wheels]
    key = "\n".join([*digests, repr(sorted(image.files.items())), FORM])

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
