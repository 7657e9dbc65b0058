"""`python -m mediamesh_e2e.scale`: how the operator fares with hundreds of nodes, as root, on a cluster of its own.

Nodes, pods and agents are simulated, API server and operator are real. Prints one line for each number.
"""

import argparse
import dataclasses
import sys

from mediamesh_e2e.errors import E2eError
from mediamesh_e2e.scale.figures import Size, measure
from mediamesh_e2e.scale.objects import ROLES


def main() -> int:
    """Measure; 1 with one plain sentence when that cannot be done."""
    size = _size()
    try:
        found = measure(size)
    except E2eError as error:
        sys.stderr.write(f"{error.reason}: {error}\n")
        return 1
    for name, value in dataclasses.asdict(found).items():
        sys.stdout.write(f"{name.replace('_', ' '):16} {round(value, 1)}\n")
    return 0


def _size() -> Size:
    """Read the command line; what is wrong ends the program with status 2 and a sentence."""
    parser = argparse.ArgumentParser(prog="mediamesh_e2e.scale", description=__doc__)
    for field in dataclasses.fields(Size):
        parser.add_argument(f"--{field.name}", type=int, default=field.default)
    size = Size(**vars(parser.parse_args()))
    for name, value in dataclasses.asdict(size).items():
        if value < 1:
            parser.error(f"--{name}: {value} is below 1")
    if size.changes > size.connections:
        parser.error(f"--changes: there are no more than {size.connections} connections to change")
    if size.pods < (least := len(ROLES) * size.connections):
        parser.error(f"--pods: {size.connections} connections need {least} to become Ready")
    return size


if __name__ == "__main__":
    sys.exit(main())
