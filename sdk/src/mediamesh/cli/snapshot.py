"""`mediamesh snapshot`: the next picture of a connection as PNG."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import mediamesh
from mediamesh.cli import png
from mediamesh.cli.picture import to_rgb
from mediamesh.cli.receiving import add_end_options, end_options
from mediamesh.deadline import Deadline
from mediamesh.sink import Sink

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

EXAMPLES = """examples:
  mediamesh snapshot cam1 picture.png
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
        parser.add_argument("--json", action="store_true", help="print a JSON object (on standard error for -)")
        add_end_options(parser)

    def run(self, args: Namespace) -> int:
        """Take it."""
        deadline = Deadline(args.timeout)
        sink = Sink(args.connection, start="newest", **end_options(args))
        with sink.open(args.timeout), sink.receive(deadline.seconds()) as frame, frame.buffer as payload:
            rgb, width, height = to_rgb(payload, frame.format)
            facts = {"sequence": frame.sequence, "time": frame.time, "width": width, "height": height}
            facts["status"] = mediamesh.Status(frame.status).name.lower()  # type: ignore[assignment]
        _write(args.file, png.encode(rgb, width, height))
        if args.json:
            print(json.dumps(facts), file=sys.stderr if args.file == "-" else sys.stdout)
        return 0


def _write(name: str, data: bytes) -> None:
    if name == "-":
        sys.stdout.buffer.write(data)
    else:
        Path(name).write_bytes(data)


command = SnapshotCommand()
