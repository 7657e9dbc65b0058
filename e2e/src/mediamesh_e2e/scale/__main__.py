"""`python -m mediamesh_e2e.scale`: how the operator fares with hundreds of nodes, as root, on a cluster of its own.

Nodes, pods and agents are simulated, API server and operator are real. Prints one line for each number.
"""

import argparse
import dataclasses
import sys

from mediamesh_e2e.errors import E2eError
from mediamesh_e2e.scale.figures import Size, measure


def main() -> int:
    """Measure; 1 with one plain sentence when that cannot be done."""
    parser = argparse.ArgumentParser(prog="mediamesh_e2e.scale", description=__doc__)
    for field in dataclasses.fields(Size):
        parser.add_argument(f"--{field.name}", type=int, default=field.default)
    try:
        found = measure(Size(**vars(parser.parse_args())))
    except E2eError as error:
        sys.stderr.write(f"{error.reason}: {error}\n")
        return 1
    for name, value in dataclasses.asdict(found).items():
        sys.stdout.write(f"{name.replace('_', ' '):16} {round(value, 1)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
