"""The native port below an end of the SDK: the loops without the interpreter exist for benchmarks, and work on it."""

from typing import TypeVar

from mediamesh.end import End

Port = TypeVar("Port")


def native_port(end: End[Port, object]) -> Port:
    """Return the port of an end that is attached."""
    port: Port | None = end._tether.port  # noqa: SLF001  (nobody else has a reason to ask for it)
    if port is None:
        raise ConnectionError(f"{end} is not attached")
    return port
