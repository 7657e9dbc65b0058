"""`python -m mediamesh_agent.hub.probe --root ROOT`: the start-up probe of the hub's container.

Exit status 0 if a hub of this very container serves. In a rolling upgrade the hub of the container before answers on
the same socket until it is succeeded; a probe that took that one for ours would let the old pod be deleted with it.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mediamesh_agent.hub import container, handover, succession
from mediamesh_agent.hub.errors import HubError
from mediamesh_agent.hub.framing import framed
from mediamesh_protos import hub_pb2

_PATIENCE: Final = 3.0


def observe(root: Path) -> hub_pb2.Observed:
    """Ask the hub on `root` how it is; raises HubError, OSError or EOFError if none answers."""
    with succession.connect(root, _PATIENCE) as sock:
        sock.sendall(framed(hub_pb2.HubRequest(observe=hub_pb2.Observe())))
        return handover.receive(sock, hub_pb2.HubReply).observed


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the probe's exit status; why it failed is said on stderr."""
    parser = argparse.ArgumentParser(prog="python -m mediamesh_agent.hub.probe", description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True, help="the folder of the hub's sockets")
    try:
        observed = observe(parser.parse_args(arguments).root)
    except (HubError, OSError, EOFError) as error:
        sys.stderr.write(f"no hub answers: {error!r}\n")
        return 1
    if observed.container != container.identity():
        sys.stderr.write("the hub that answers is another container's\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
