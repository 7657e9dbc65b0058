"""The sink that is too slow: two frames a second. It gets the newest ones, and nobody waits for it."""

import sys
import time

from mediamesh.errors import Interrupted
from mediamesh_agent.demo.consumer import arguments, attached, frames
from mediamesh_agent.demo.report import Report, own_path

_PAUSE = 0.5


def main() -> int:
    """Run until SIGTERM."""
    args = arguments(__doc__ or "")
    report, path = Report(), own_path(args.reports, args.endpoint)
    with attached(args) as sink:
        sink.open()
        for frame in frames(sink):
            with frame:
                time.sleep(_PAUSE)
            report.frames += 1
            report.write(path)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Interrupted:
        sys.exit(0)
