"""`mediamesh send`: a file, a pipe or a test picture into a connection, at its own pace."""

from __future__ import annotations

import contextlib
import itertools
import json
import time
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from mediamesh.cli import bridged, pattern, streams
from mediamesh.cli.arguments import count, rate
from mediamesh.cli.limited import Limit, LimitedSource, until_signalled
from mediamesh.cli.progress import Progress
from mediamesh.cli.receiving import add_end_options, end_options
from mediamesh.errors import BadOption, Detached, Interrupted, UnsuitableFile

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from mediamesh_core.formats import Format

NANOSECONDS = 1_000_000_000
EXAMPLES = """The kind of file follows from its name: .y4m, .wav and .raw must fit the connection and are sent as they
are; everything else is decoded by PyAV (package mediamesh-bridges). - is standard input.

examples:
  mediamesh send cam1 film.mp4 --loop
  mediamesh send cam1 --pattern bars
  ffmpeg -i film.mp4 -f yuv4mpegpipe - | mediamesh send cam1 -
  mediamesh send data log.raw --rate 100
"""


class SendCommand:
    """Plays."""

    help = "send a file, standard input or a test pattern"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.epilog = EXAMPLES
        parser.add_argument("connection", metavar="CONNECTION", help="namespace/name, or name in default")
        parser.add_argument("file", metavar="FILE", nargs="?", help="what to send; - is standard input")
        parser.add_argument("--pattern", choices=pattern.PATTERNS, help="instead of a file")
        parser.add_argument("--loop", action="store_true", help="begin anew at the end of the file")
        parser.add_argument("--count", type=count, metavar="FRAMES", help="end after so many frames")
        parser.add_argument("--rate", type=rate, metavar="FRAMES/S", help="instead of the connection's own")
        parser.add_argument("--fast", action="store_true", help="as fast as the sinks allow")
        parser.add_argument("--as", dest="kind", choices=streams.READ, help="whatever the name says")
        parser.add_argument("--json", action="store_true", help="print a JSON object at the end")
        add_end_options(parser)

    def run(self, args: Namespace) -> int:
        """Play until the end, or until enough."""
        if (args.file is None) == (args.pattern is None):
            raise UnsuitableFile("name either a FILE or a --pattern")
        seconds = None if args.file is None else _checked(args)
        with Progress(args.connection, args.count, seconds=seconds) as progress, _source(args, progress) as source:
            until_signalled(source)
            with contextlib.suppress(Interrupted):
                source.open(args.timeout)
                _play(source, args, progress)
            facts = {"frames": progress.frames, "bytes": progress.bytes, "nextSequence": source.next_sequence}
        if args.json:
            print(json.dumps(facts))
        return 0


def _checked(args: Namespace) -> float | None:
    """Refuse a file that cannot be played, or not so; return the seconds that it lasts, where it has an end."""
    streams.check_readable(args.file)
    if not streams.is_for_pyav(args.file, args.kind):
        return None
    if args.fast or args.rate:
        option = "--fast" if args.fast else "--rate"
        raise BadOption(f"{option} is for .y4m, .wav, .raw, --as and --pattern; {args.file} is played by its own times")
    seconds = bridged.check_media(args.file)
    return None if args.loop else seconds


def _source(args: Namespace, progress: Progress) -> LimitedSource:
    return LimitedSource(Limit(args.count, None), progress.count, args.connection, **end_options(args))


def _play(source: LimitedSource, args: Namespace, progress: Progress) -> None:
    kind = None if args.file is None else streams.kind_of(args.file, args.kind, source.format, streams.READ)
    if args.file is not None and kind is None:
        bridged.run(source, args.file, {"loop": args.loop})
        return
    if kind is not None and progress.total is None and not args.loop:
        progress.total = streams.frames_in(args.file, kind, source.format)
    duration = None if args.fast else _duration(source.format, args.rate)
    begin, monotonic = time.clock_gettime_ns(time.CLOCK_TAI), time.monotonic()
    for number, payload in enumerate(_payloads(source.format, args, kind)):
        at = Fraction(0) if duration is None else number * duration
        _sleep_until(monotonic + float(at))
        with contextlib.suppress(Detached):
            source.send(payload, time=begin + round(at * NANOSECONDS) if duration else None)


def _payloads(format: Format, args: Namespace, kind: str | None) -> Iterator[bytes]:
    if kind is None:
        yield from itertools.repeat(pattern.payload(args.pattern, format))
    while kind is not None:
        with streams.reading(args.file) as file:
            empty = True
            for payload in streams.payloads(kind, file, format):
                empty = False
                yield payload
        if not args.loop or args.file == "-" or empty:
            return


def _duration(format: Format, rate: Fraction | None) -> Fraction | None:
    if rate:
        return 1 / rate
    duration: Fraction | None = getattr(format, "frame_duration", None)  # blobs have none
    return duration


def _sleep_until(moment: float) -> None:
    left = moment - time.monotonic()
    if left > 0:
        time.sleep(left)


command = SendCommand()
