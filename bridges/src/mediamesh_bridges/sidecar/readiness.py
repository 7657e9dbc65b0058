"""How a startup probe learns that all pipes and ports are there, on a read-only root and without a port of its own.

The running sidecar binds an abstract unix socket, whose name follows from its lines, and `mediamesh sidecar --ready`
with the same lines looks whether somebody has. Abstract names belong to the network namespace, so to the pod; pods on
the host's network are told apart by their uid and folder.
"""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from mediamesh import folders
from mediamesh_bridges.errors import AddressTaken


def _name(lines: Iterable[str]) -> str:
    parts = [os.environ.get("POD_UID", ""), str(folders.root()), *lines]
    return "\0mediamesh-sidecar-" + hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


@contextmanager
def ready(lines: Iterable[str]) -> Iterator[None]:
    """Be seen as ready; raises AddressTaken if another sidecar with the same lines is."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mark:
        try:
            mark.bind(_name(lines))
        except OSError as error:
            raise AddressTaken("a sidecar with the same lines runs already; end it, or change the lines") from error
        yield


def is_ready(lines: Iterable[str]) -> bool:
    """Return whether a sidecar with these lines is ready."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_name(lines))
        except OSError:
            return False
    return True
