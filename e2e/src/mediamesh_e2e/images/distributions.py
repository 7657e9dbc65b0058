"""The distributions of this repository as contents of an image: what the lock file names for them, and their wheels."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mediamesh_e2e.places import REPOSITORY
from mediamesh_e2e.programs import run
from mediamesh_e2e.toolchain import cached, uv


@dataclass(frozen=True, slots=True)
class Distributions:
    """The text of a requirements file with hashes, and wheel files."""

    requirements: str
    wheels: tuple[Path, ...]


def distributions(*names: str, extras: Sequence[str] = ()) -> Distributions:
    """Give what the named distributions and those of ours that they stand on are made of."""
    return _exported([f"--package={name}" for name in names] + [f"--extra={extra}" for extra in extras])


def of_image(name: str) -> Distributions:
    """Give what the image `operator`, `node` or `sdk` is made of, as the Containerfile takes it: one table for both."""
    return _exported([f"--only-group=image-{name}"])


def _exported(options: Sequence[str]) -> Distributions:
    export = ["export", "--quiet", "--frozen", "--no-dev", "--no-header", "--no-annotate", *options]
    lines = run([uv(), *export], folder=REPOSITORY).splitlines()
    ours = [line for line in lines if line.removeprefix("-e ").startswith("./")]
    theirs = "\n".join(line for line in lines if line not in ours)
    return Distributions(theirs, tuple(_wheel(REPOSITORY / line.removeprefix("-e ")) for line in ours))


def _wheel(folder: Path) -> Path:
    made = cached(_digest(folder), f"wheel of {folder.name}", lambda target: _build(folder, target))
    (wheel,) = made.glob("*.whl")
    return wheel


def _build(folder: Path, target: Path) -> None:
    run([uv(), "build", "--quiet", "--wheel", "--out-dir", target, folder])


def _digest(folder: Path) -> str:
    """Hash what git would take of a folder: names and contents."""
    listed = run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"], folder=folder
    )
    content = hashlib.sha256()
    for name in sorted(filter(None, listed.split("\0"))):
        if (file := folder / name).is_file():
            content.update(f"{name}\0".encode() + file.read_bytes())
    return content.hexdigest()
