"""Receive what `source.py` sends and tell what came: `sink.py CONNECTION [SECONDS_PER_FRAME]`.

A line of JSON each time something is worth telling, and every so many frames. `missed` counts what its sender had
numbered and we did not get, `altered` frames whose bytes are not what was sent, `discontinuities` flagged frames,
`sources` the senders one after the other. SECONDS_PER_FRAME makes it as slow as that.
"""

import json
import sys
import time
import zlib

import mediamesh

TELL_EVERY = 5


class Account:
    """What came."""

    def __init__(self) -> None:
        self.told = dict.fromkeys(("frames", "missed", "altered", "discontinuities", "unflagged"), 0)
        self.sources: list[str] = []
        self.last = -1

    def see(self, memory: memoryview, *, flagged: bool) -> bool:
        """Take a frame into account; whether something about it is unusual."""
        before = dict(self.told)
        identity, count = bytes(memory[:16]).hex(), int.from_bytes(memory[16:24], "little")
        self.told["altered"] += zlib.crc32(memory[:-4]).to_bytes(4, "little") != memory[-4:]
        self.told["discontinuities"] += flagged
        if identity not in self.sources:
            self.told["unflagged"] += bool(self.sources) and not flagged
            self.sources.append(identity)
        else:
            gap = count - self.last - 1
            self.told["missed"] += abs(gap)  # one that comes again is as wrong as one that does not come
        self.last = count
        unusual = before != self.told
        self.told["frames"] += 1
        return unusual

    def tell(self) -> None:
        """Write it as one line."""
        sys.stdout.write(json.dumps({**self.told, "last": self.last, "sources": self.sources}) + "\n")
        sys.stdout.flush()


def main() -> None:
    """Receive until the end."""
    pause = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
    account = Account()
    with mediamesh.open_sink(sys.argv[1], wait=True) as sink:
        for frame in sink:
            with frame:
                flagged = bool(frame.flags & mediamesh.Flags.DISCONTINUITY)
                with memoryview(frame) as memory:
                    unusual = account.see(memory, flagged=flagged)
            if unusual or account.told["frames"] % TELL_EVERY == 1:
                account.tell()
            time.sleep(pause)


if __name__ == "__main__":
    main()
