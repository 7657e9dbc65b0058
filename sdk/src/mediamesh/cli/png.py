"""PNG, the smallest writer that readers accept: 8-bit RGB, one image, ISO/IEC 15948."""

import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
RGB = 2


def encode(rgb: bytes, width: int, height: int) -> bytes:
    """Return the file for `height` rows of `width` pixels of three bytes."""
    stride = 3 * width
    if len(rgb) != stride * height:
        raise ValueError(f"{len(rgb)} bytes are no {width}x{height} pixels")
    rows = b"".join(b"\0" + rgb[row * stride : (row + 1) * stride] for row in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, RGB, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 6)), (b"IEND", b""))
    return SIGNATURE + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
