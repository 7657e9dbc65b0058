"""`mediamesh sidecar`: any number of outlets and inlets in one process.

Lines come as arguments, from a file, or from `MEDIAMESH_SIDECAR`, which is where the annotation `mediamesh.io/sidecar`
ends up. What is wrong with them, and with the pipes and ports that they name, ends the command at once; all that comes
later is waited for.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from mediamesh.stopping import Stopping
from mediamesh_core.jsonlines import JsonLines

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

VARIABLE = "MEDIAMESH_SIDECAR"
_log = logging.getLogger("mediamesh_bridges.sidecar")
EXAMPLES = """Each LINE joins a connection to a place that programs know:

  receive CONNECTION pipe:/media/cam1.y4m [as=KIND] [mode=666]   a named pipe that programs read
  receive CONNECTION rtp://127.0.0.1:5004 [sdp=/media/cam1.sdp]  RTP, described in that file or on standard output
  receive CONNECTION udp://127.0.0.1:5006                        MPEG-TS
  receive CONNECTION http://127.0.0.1:8090/cam1.mjpeg            multipart JPEG, for any number of viewers
  send CONNECTION pipe:/media/in.y4m [as=KIND] [mode=666]        a named pipe that programs write
  send CONNECTION rtp://127.0.0.1:5008 [codec=h264]              what a program sends as RTP
  send CONNECTION udp://127.0.0.1:5010                           what a program sends as MPEG-TS
  send CONNECTION http://127.0.0.1:8091/film.ts                  what a server of the pod gives

and may say endpoint=NAME and token=TOKEN. KIND, else the suffix of the pipe: y4m, wav, raw, h264, hevc, vvc (byte
streams of Annex B), ts, mkv, webm, nut, flv, ogg, mpg. Without LINE and --file, MEDIAMESH_SIDECAR has the lines.

examples:
  mediamesh sidecar 'receive cam1 pipe:/media/cam1.y4m' 'send graded pipe:/media/graded.y4m'
  ffmpeg -i /media/cam1.y4m -vf hue=s=0 -f yuv4mpegpipe -y /media/graded.y4m
  mediamesh sidecar 'receive cam1 rtp://127.0.0.1:5004 sdp=/media/cam1.sdp'
  ffplay -protocol_whitelist file,rtp,udp /media/cam1.sdp
  mediamesh sidecar --file lines.txt --json

As a native sidecar (an init container with restartPolicy: Always), with the same lines in its environment:
  startupProbe: {exec: {command: [mediamesh, sidecar, --ready]}, periodSeconds: 1, failureThreshold: 60}
--ready ends with 0 as soon as all pipes and ports are there; it does not wait for connections.
"""


class SidecarCommand:
    """Serves programs that know nothing of connections."""

    help = "serve connections as pipes, RTP, MPEG-TS and HTTP to programs that know nothing of mediamesh"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.epilog = EXAMPLES
        parser.add_argument("lines", metavar="LINE", nargs="*", help="what to join; see below")
        parser.add_argument("--file", type=Path, help="with more lines; # begins a comment")
        parser.add_argument("--ready", action="store_true", help="say by the exit status whether a sidecar is ready")
        parser.add_argument("--any-address", action="store_true", help="allow addresses that others can reach")
        parser.add_argument("--root", type=Path, help="folder of the hub (default: MEDIAMESH_DIR)")
        parser.add_argument("--json", action="store_true", help="log in JSON, an object a line")

    def run(self, args: Namespace) -> int:
        """Serve until SIGTERM or SIGINT."""
        from mediamesh_bridges.sidecar import readiness  # noqa: PLC0415  # --ready must be quick

        if args.root is not None:
            os.environ["MEDIAMESH_DIR"] = str(args.root)
        texts = _texts(args)
        if args.ready:
            return 0 if readiness.is_ready(texts) else 1
        _log_to_stderr(as_json=args.json)
        return _serve(texts, any_address=args.any_address)


def _texts(args: Namespace) -> list[str]:
    texts = [*args.lines, *(args.file.read_text().splitlines() if args.file else ())]
    return texts or os.environ.get(VARIABLE, "").splitlines()


def _serve(texts: list[str], *, any_address: bool) -> int:
    from mediamesh_bridges.errors import BadLine  # noqa: PLC0415  # PyAV is slow to import
    from mediamesh_bridges.sidecar import keeping, readiness  # noqa: PLC0415
    from mediamesh_bridges.sidecar.joints import joints  # noqa: PLC0415
    from mediamesh_bridges.sidecar.lines import parse_lines  # noqa: PLC0415

    lines = parse_lines(texts, any_address=any_address)
    if not lines:
        raise BadLine(f"there is nothing to serve; name a LINE, a --file or set {VARIABLE}")
    stopping = Stopping()
    with ExitStack() as made:
        served = joints(lines, stopping)
        for _, joint in served:
            made.callback(joint.close)
            joint.prepare()
        made.enter_context(readiness.ready(texts))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        keepers = keeping.keep(served, stopping)
        _log.info("ready: %s", "; ".join(map(str, lines)))
        stopping.wait()
        in_time = keeping.ended(keepers)
    return 0 if in_time else 1


def _log_to_stderr(*, as_json: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if as_json else logging.Formatter("mediamesh: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
