"""Send frames of which no two are alike: `source.py CONNECTION [FRAMES_PER_SECOND]`.

A frame begins with 16 bytes that name this run of the program and 8 bytes that count, and ends with a checksum of all
before it; in between is what the count makes. So a receiver can tell every frame, and every byte of it.
"""

import itertools
import json
import sys
import time
import uuid
import zlib

import mediamesh


def main() -> None:
    """Send until the end."""
    connection, rate = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 25.0
    identity = uuid.uuid4()
    with mediamesh.open_source(connection, wait=True) as source:
        sys.stdout.write(json.dumps({"sends": identity.hex}) + "\n")
        sys.stdout.flush()
        began = time.monotonic()
        for count in itertools.count():
            with source.acquire() as frame:
                fill(frame.buffer, identity.bytes, count)
                frame.send()
            time.sleep(max(0.0, began + (count + 1) / rate - time.monotonic()))


def fill(memory: memoryview, identity: bytes, count: int) -> None:
    """Write a frame's content."""
    told = identity + count.to_bytes(8, "little")
    body = len(memory) - len(told) - 4
    memory[: len(told)] = told
    memory[len(told) : -4] = (told * (body // len(told) + 1))[:body]
    memory[-4:] = zlib.crc32(memory[:-4]).to_bytes(4, "little")


if __name__ == "__main__":
    main()
