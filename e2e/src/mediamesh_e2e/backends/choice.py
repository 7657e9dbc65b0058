"""The backend of a name."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from mediamesh_e2e.backends.backend import Backend
from mediamesh_e2e.backends.existing import existing
from mediamesh_e2e.backends.kind import kind
from mediamesh_e2e.backends.local import local
from mediamesh_e2e.errors import MachineUnfit

BACKENDS: dict[str, Callable[[], AbstractContextManager[Backend]]] = {
    "local": local,
    "kind": kind,
    "existing": existing,
}


def backend(name: str) -> AbstractContextManager[Backend]:
    """Give the backend, to be entered; raises `MachineUnfit` for a name that is none."""
    if name not in BACKENDS:
        raise MachineUnfit(f"{name}: no backend; there are {', '.join(BACKENDS)}")
    return BACKENDS[name]()
