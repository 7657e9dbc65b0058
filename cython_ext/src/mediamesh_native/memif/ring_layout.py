"""Where things lie in a memif ring: two cache lines of 64 bytes, then the descriptors.

The cookie and the flags share the first line with `head`, which always the slave writes; `tail`, which always
the master writes, has the second. Stock builds for aarch64 use lines of 128 bytes; we speak 64, as x86 does.
"""

from typing import Final

COOKIE: Final = 0x3E31F20
MASK_INT: Final = 1

COOKIE_OFFSET: Final = 0
FLAGS_OFFSET: Final = 4
HEAD_OFFSET: Final = 6
TAIL_OFFSET: Final = 64
DESCRIPTORS_OFFSET: Final = 128
DESCRIPTOR_SIZE: Final = 16
RING_ALIGNMENT: Final = 64


def ring_bytes(log2_ring_size: int) -> int:
    """Return how many bytes a ring of `1 << log2_ring_size` slots takes."""
    return DESCRIPTORS_OFFSET + (DESCRIPTOR_SIZE << log2_ring_size)
