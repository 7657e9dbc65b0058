"""The images that the chart names, of the distributions of this checkout, and one more with the tests' programs."""

import hashlib
import os
from pathlib import Path

from mediamesh_e2e.backends.backend import Backend
from mediamesh_e2e.images.archive import Start
from mediamesh_e2e.images.distributions import Distributions, of_image
from mediamesh_e2e.images.image import Image

REGISTRY = os.environ.get("REGISTRY") or "registry.test"
"""Where an existing cluster pulls from; the nodes of others are given images of this name."""
NOBODY = "65532:65532"
PROGRAMS = Path(__file__).with_name("programs")
APPLICATION = "application"


def provide_images(backend: Backend, tag: str = "") -> str:
    """Bring the images to all nodes and give their tag: what they are made of decides it where none is given."""
    made = _contents()
    tag = tag or _digest(made)
    for name, (start, content) in made.items():
        files = _programs() if name == APPLICATION else {}
        backend.provide(
            Image(
                f"{REGISTRY}/mediamesh-{name}:{tag}",
                start,
                requirements=content.requirements,
                wheels=content.wheels,
                files=files,
            )
        )
    return tag


def application_image(tag: str) -> str:
    """Give the image of the tests' own source and sink."""
    return f"{REGISTRY}/mediamesh-{APPLICATION}:{tag}"


def _contents() -> dict[str, tuple[Start, Distributions]]:
    sdk = of_image("sdk")
    return {
        "operator": (Start(("mediamesh-operator",), NOBODY), of_image("operator")),
        "node": (Start(("mediamesh-node",)), of_image("node")),
        "sdk": (Start(("mediamesh",), NOBODY), sdk),
        APPLICATION: (Start(("python3",), NOBODY), sdk),
    }


def _programs() -> dict[str, str]:
    return {f"/opt/{file.name}": file.read_text() for file in sorted(PROGRAMS.glob("*.py"))}


def _digest(made: dict[str, tuple[Start, Distributions]]) -> str:
    told = repr((sorted(made.items()), sorted(_programs().items())))
    return hashlib.sha256(told.encode()).hexdigest()[:12]
