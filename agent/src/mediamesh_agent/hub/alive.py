"""`python -m mediamesh_agent.hub.alive ROOT`: the liveness probe of the hub's container.

Exit status 0 if any hub answers on the root: a container whose hub was succeeded has none and is as it should be. Whose
it is the start-up probe tells. It runs as long as the node does, so it costs as little as an interpreter can: the
standard library only, and a request that was written down beforehand.
"""

import socket
import sys
from pathlib import Path
from typing import Final

OBSERVE: Final = b"\0\0\0\x02\x12\0"
"""The request for what a hub observes, as `framing` writes it."""
_PATIENCE: Final = 5.0
_CONTROL_SOCKET: Final = "hub.sock"


def answers(root: Path) -> bool:
    """Ask the hub on `root` anything; raises OSError if it cannot be asked, or says nothing in time."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(_PATIENCE)
        sock.connect(str(root / _CONTROL_SOCKET))
        sock.sendall(OBSERVE)
        with sock.makefile("rb") as answer:
            length = int.from_bytes(answer.read(4), "big")
            return length > 0 and len(answer.read(length)) == length


def main(arguments: list[str]) -> int:
    """Return the probe's exit status; why it failed is said on stderr."""
    try:
        alive = answers(Path(arguments[0]))
    except OSError as error:
        sys.stderr.write(f"no hub answers: {error!r}\n")
        return 1
    return 0 if alive else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
