"""`mediamesh receive`: frames of a connection into a file or a pipe."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING, Any

from mediamesh.cli import bridged, streams
from mediamesh.cli.arguments import count, seconds
from mediamesh.cli.limited import Limit, LimitedSink, until_signalled
from mediamesh.cli.observing import add_root
from mediamesh.cli.progress import Progress
from mediamesh.errors import BadOption, Interrupted

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

EXAMPLES = """The kind of file follows from its name: .y4m, .wav and .raw are written as they are; .mkv, .mp4, .mov,
.ts, .avi, .webm, .mxf, .nut, .mpg, .flv, .wmv, .3gp, .caf and more are encoded by PyAV (package
mediamesh-bridges), .mkv without loss. - is standard output, in what players know by itself: y4m for planar YCbCr,
wav for PCM, nut for most other pictures (needs PyAV). Everything else, and --as raw, is the bare frames one behind
the other; a player has to be told what they are.

examples:
  mediamesh receive cam1 film.mkv                   until Ctrl-C
  mediamesh receive cam1 film.y4m --count 100
  mediamesh receive cam1 - --duration 10 | ffplay -
  mediamesh receive cam1 - --as raw | ffplay -f rawvideo -pixel_format uyvy422 -video_size 1280x720 -framerate 25 -
  mediamesh receive sound - --as raw | ffplay -f s24be -sample_rate 48000 -ch_layout stereo -
  mediamesh receive h264cam - | ffplay -f h264 -
  mediamesh receive cam1 all.raw --endpoint archive --json
"""
MISSED = "mediamesh: {count} frames of the flow were missed; a sink with `delivery: {{policy: block}}` misses none"


class ReceiveCommand:
    """Records."""

    help = "write frames to a file or to standard output"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.epilog = EXAMPLES
        parser.add_argument("connection", metavar="CONNECTION", help="namespace/name, or name in default")
        parser.add_argument("file", metavar="FILE", help="where to; - is standard output")
        parser.add_argument("--count", type=count, metavar="FRAMES", help="end after so many frames")
        parser.add_argument("--duration", type=seconds, metavar="SECONDS", help="end so long after the first frame")
        parser.add_argument("--as", dest="kind", choices=streams.WRITTEN, help="whatever the name says")
        parser.add_argument("--codec", help="FFmpeg's name of an encoder")
        parser.add_argument("--force", action="store_true", help="overwrite FILE")
        parser.add_argument(
            "--json",
            action="store_true",
            help="print a JSON object at the end (for -: as the last line of standard error)",
        )
        add_end_options(parser)

    def run(self, args: Namespace) -> int:
        """Record until enough."""
        if args.codec and not streams.is_for_pyav(args.file, args.kind):
            raise BadOption(f"--codec is for files that are encoded, such as .mkv; {args.file} is written as it comes")
        streams.check_writable(args.file, force=args.force)
        progress = Progress(args.connection, args.count, seconds=args.duration)
        with progress, _sink(args, progress) as sink:
            until_signalled(sink)
            with contextlib.suppress(Interrupted):
                sink.open(args.timeout)
                _record(sink, args)
            facts = {"frames": progress.frames, "bytes": progress.bytes, "dropped": sink.dropped}
        if args.json:
            print(json.dumps(facts), file=sys.stderr if args.file == "-" else sys.stdout)
        elif sink.dropped:
            print(MISSED.format(count=sink.dropped), file=sys.stderr)
        return 0


def add_end_options(parser: ArgumentParser) -> None:
    """Declare what all commands say that open a source or a sink."""
    parser.add_argument("--endpoint", default="", help="needed where several fit")
    parser.add_argument("--token", default="", help="of the endpoint, if it has one")
    parser.add_argument("--timeout", type=seconds, metavar="SECONDS", help="for attaching; waits for ever by default")
    parser.add_argument("--wait", action="store_true", help="also wait for a connection that is not there yet")
    add_root(parser)


def end_options(args: Namespace) -> dict[str, Any]:
    """Return them as options of a source or sink."""
    client = "mediamesh"
    return {"endpoint": args.endpoint, "token": args.token, "wait": args.wait, "root": args.root, "client": client}


def _sink(args: Namespace, progress: Progress) -> LimitedSink:
    return LimitedSink(Limit(args.count, args.duration), progress.count, args.connection, **end_options(args))


def _record(sink: LimitedSink, args: Namespace) -> None:
    kind = streams.kind_of(args.file, args.kind, sink.format, streams.WRITTEN)
    if kind is None:
        bridged.run(sink, args.file, {"codec": args.codec} if args.codec else {}, force=args.force)
        return
    opening = streams.header(kind, sink.format)  # refuses what the kind cannot hold before a file is made or emptied
    with streams.writing(args.file, force=args.force) as file:
        writer = streams.writer(kind, file, sink.format, opening)
        for frame in sink:
            with frame, frame.buffer as payload:
                writer.write(payload)
        writer.finish()


command = ReceiveCommand()
