"""A recorder in a process of its own, to be killed: records numbered frames for ever, as fast as it can.

usage: python recorder_process.py ROOT PATH PAYLOAD_JSON; prints a line after every tenth frame.
"""

import sys
from fractions import Fraction
from itertools import count
from pathlib import Path
from time import monotonic

from bridge_doubles import frames_at, noise

from mediamesh_bridges.file.left_out import LeftOut
from mediamesh_bridges.file.recorder import Recorder
from mediamesh_bridges.file.recovery import publish_leftovers
from mediamesh_bridges.file.settings import record_settings
from mediamesh_core.errors import MediameshError
from mediamesh_core.formats import AudioFormat, from_json


def main() -> int:
    root, path, format = Path(sys.argv[1]), sys.argv[2], from_json(sys.argv[3])
    rate = 1 / Fraction(format.frame_duration) if isinstance(format, AudioFormat) else Fraction(25)
    sys.stdout.write(f"recovered {publish_leftovers(root, path)}\n")
    left_out = LeftOut(print, monotonic)
    recorder = Recorder(root, record_settings({"path": path}), format, lambda tai: tai / 1e9, left_out)
    payloads = [noise(format.capacity, number) for number in range(8)]
    for frame in frames_at((payloads[number % 8] for number in count()), rate):
        recorder.record(frame)
        if frame.sequence % 10 == 9:
            sys.stdout.write(f"{frame.sequence + 1}\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except MediameshError as error:
        sys.exit(f"{error.reason}: {error}")
