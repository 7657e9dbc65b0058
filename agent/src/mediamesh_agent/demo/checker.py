"""The sink that trusts nobody: every frame's sequence number, and every byte of every picture.

Each picture's digest is compared with the film as this very process has decoded it. Now and then a frame is kept
in hand while others come, and looked at again before it goes back: its bytes must not have changed, or the hub would
have given away memory that somebody still reads.
"""

import sys
from collections import deque

from mediamesh.errors import Interrupted
from mediamesh.frames import Flags, ReceivedFrame
from mediamesh_agent.demo.clip import digest, expected_digests, video_format
from mediamesh_agent.demo.consumer import arguments, attached, frames
from mediamesh_agent.demo.proof import Proof
from mediamesh_agent.demo.report import own_path
from mediamesh_core.errors import MediameshError

_KEEP_EVERY = 10
_KEPT_FOR = 2
_REPORT_EVERY = 10


def main() -> int:
    """Run until SIGTERM."""
    args = arguments(__doc__ or "")
    with attached(args) as sink:
        proof = Proof(expected_digests(args.film, video_format(args.payload)))
        sink.open()
        path, kept = own_path(args.reports, args.endpoint), deque[tuple[ReceivedFrame, bytes]]()
        for frame in frames(sink):
            found = _look(frame)
            proof.see(frame.sequence, found, discontinuity=bool(frame.flags & Flags.DISCONTINUITY))
            if frame.sequence % _KEEP_EVERY == 0:
                kept.append((frame, found))
            else:
                frame.release()
            while kept and kept[0][0].sequence <= frame.sequence - _KEPT_FOR:
                proof.report.changed_in_hand += _give_back(*kept.popleft())
            if proof.report.frames % _REPORT_EVERY == 0:
                proof.report.write(path)
        for frame, found in kept:
            proof.report.changed_in_hand += _give_back(frame, found)
        proof.report.write(path)
    return 0


def _look(frame: ReceivedFrame) -> bytes:
    views = frame.memoryviews()
    found = digest(views)
    for view in views:
        view.release()
    return found


def _give_back(frame: ReceivedFrame, found: bytes) -> bool:
    """Release a frame; return whether it has changed since `found`."""
    changed = _look(frame) != found
    frame.release()
    return changed


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Interrupted:
        sys.exit(0)
    except MediameshError as error:
        sys.exit(f"{error.reason}: {error.message}")
