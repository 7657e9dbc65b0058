"""`mediamesh snapshot`: the next picture of a connection as PNG."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import mediamesh
from mediamesh.cli import png, streams, words
from mediamesh.cli.picture import to_rgb
from mediamesh.cli.receiving import add_end_options, end_options
from mediamesh.deadline import Deadline
from mediamesh.errors import BadOption, Timeout
from mediamesh.sink import Sink

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from mediamesh.frames import ReceivedFrame

OLD = 2.0
"""Seconds from which on a picture is not what the camera sees now."""
EXAMPLES = """examples:
  mediamesh snapshot cam1 picture.png
  mediamesh snapshot cam1 picture.png --force       the newest in the place of the one before
  mediamesh snapshot cam1 - --timeout 5 > picture.png
"""


class SnapshotCommand:
    """Takes a picture."""

    help = "write one picture of a video connection as PNG"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.epilog = EXAMPLES
        parser.add_argument("connection", metavar="CONNECTION", help="namespace/name, or name in default")
        parser.add_argument("file", metavar="FILE.png", help="where to; - is standard output")
        parser.add_argument("--force", action="store_true", help="overwrite FILE.png")
        parser.add_argument(
            "--json", action="store_true", help="print a JSON object (for -: as the last line of standard error)"
        )
        add_end_options(parser)

    def run(self, args: Namespace) -> int:
        """Take it."""
        _check_name(args.file)
        streams.check_writable(args.file, force=args.force)
        deadline = Deadline(args.timeout)
        sink = Sink(args.connection, start="newest", **end_options(args))
        with sink.open(args.timeout), _received(sink, deadline, args.timeout) as frame, frame.buffer as payload:
            rgb, width, height = to_rgb(payload, frame.format)
            age = (time.clock_gettime_ns(time.CLOCK_TAI) - frame.time) / 1e9
            facts = {"sequence": frame.sequence, "time": frame.time, "width": width, "height": height}
            facts["ageSeconds"] = round(age, 3)  # type: ignore[assignment]
            facts["status"] = mediamesh.Status(frame.status).name.lower()  # type: ignore[assignment]
        with streams.writing(args.file, force=args.force) as file:
            file.write(png.encode(rgb, width, height))
        if age >= OLD:
            words.say(f"the picture is {age:.0f} s old; `mediamesh list` shows whether there is a source")
        if args.json:
            print(json.dumps(facts), file=sys.stderr if args.file == "-" else sys.stdout)
        return 0


def _check_name(name: str) -> None:
    """Refuse what would become a PNG under another kind's name."""
    if name != "-" and Path(name).suffix.lower() != ".png":
        raise BadOption(f"{name}: only PNG is written; call it {Path(name).stem}.png")


def _received(sink: Sink, deadline: Deadline, asked: float | None) -> ReceivedFrame:
    """Return the newest frame; what is told of the wait is what was asked for, not what attaching left of it."""
    try:
        return sink.receive(deadline.seconds())
    except Timeout as error:
        text = f"{sink.name}: no frame within {asked:g} s; `mediamesh list` shows whether there is a source"
        raise Timeout(text) from error


command = SnapshotCommand()
