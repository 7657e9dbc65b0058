"""Where the hub's sockets are."""

import os
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "MEDIAMESH_DIR"
SYSTEM = Path("/run/mediamesh")
ATTACH_SOCKET = "attach.sock"
HUB_SOCKET = "hub.sock"


def root(environment: Mapping[str, str] = os.environ, uid: int | None = None) -> Path:
    """Return the folder of the hub: `MEDIAMESH_DIR`, the system's for root and in pods, else the user's own.

    A pod's process may have any uid, so the system's folder also counts where it has a socket.
    """
    if named := environment.get(VARIABLE):
        return Path(named)
    if (os.getuid() if uid is None else uid) == 0 or (SYSTEM / ATTACH_SOCKET).exists():
        return SYSTEM
    if runtime := environment.get("XDG_RUNTIME_DIR"):
        return Path(runtime) / "mediamesh"
    return SYSTEM
