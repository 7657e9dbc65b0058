"""Makes the message classes out of the .proto files: `make generate`, or `--check` to see that they are current.

The .proto files lie inside the package, so that the path by which one imports another is also the path by which
Python does. What is generated is committed: nobody who installs the package needs a compiler for it.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

SOURCE = Path(__file__).parent / "src"


def generate(target: Path) -> None:
    """Write the `_pb2` modules and their stubs below `target`."""
    names = [str(path.relative_to(SOURCE)) for path in sorted(SOURCE.glob("*/*.proto"))]
    arguments = [
        "protoc",
        f"-I{SOURCE}",
        f"-I{files('grpc_tools') / '_proto'}",
        f"--plugin=protoc-gen-mypy={Path(sys.executable).with_name('protoc-gen-mypy')}",
        f"--python_out={target}",
        f"--mypy_out=quiet:{target}",
    ]
    if protoc.main(arguments + names):
        sys.exit("protoc failed")


def stale() -> Iterator[Path]:
    """Yield every committed file that is not what the .proto files give now."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        fresh = {path.relative_to(folder): path.read_bytes() for path in Path(folder).glob("*/*_pb2*.py*")}
    present = {path.relative_to(SOURCE): path.read_bytes() for path in SOURCE.glob("*/*_pb2*.py*")}
    yield from (name for name in sorted(fresh | present) if fresh.get(name) != present.get(name))


def main() -> None:
    """Generate, or check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; fail if a file is stale")
    if not parser.parse_args().check:
        generate(SOURCE)
    elif names := list(stale()):
        sys.exit(f"stale, run `make generate`: {', '.join(map(str, names))}")


if __name__ == "__main__":
    main()
