"""What a peer leaves in shared memory: iceoryx2 keeps a management segment after its last process has gone."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # where the kernel has it


@contextlib.contextmanager
def own_prefix(folder: Path = SHARED_MEMORY) -> Iterator[str]:
    """Give a prefix for names that nobody else uses, and remove afterwards whatever was named so."""
    prefix = f"mediamesh-bench-{os.getpid()}-"
    try:
        yield prefix
    finally:
        for path in folder.glob(f"{prefix}*"):
            path.unlink(missing_ok=True)
