"""What the demo's consumer processes share: attach, take frames until told to stop, report.

They are ordinary applications of the SDK. SIGTERM ends them in order; if the demo itself has died they notice
within a second, since nobody would end them then.
"""

import argparse
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from mediamesh.errors import Interrupted, Timeout
from mediamesh.frames import ReceivedFrame
from mediamesh.sink import Sink

_LOOK_AROUND = 1.0


def arguments(description: str) -> argparse.Namespace:
    """Read the command line of a consumer."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("connection")
    parser.add_argument("endpoint")
    parser.add_argument("--film", type=Path, required=True)
    parser.add_argument("--payload", required=True, help="the connection's, as JSON")
    parser.add_argument("--reports", type=Path, required=True)
    return parser.parse_args()


def attached(args: argparse.Namespace) -> Sink:
    """Return the endpoint's sink, attached; SIGTERM interrupts it."""
    sink = Sink(args.connection, endpoint=args.endpoint, client=f"demo {args.endpoint}", wait=True)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sink.interrupt())
    return sink


def frames(sink: Sink) -> Iterator[ReceivedFrame]:
    """Yield frames until interrupted, or until the demo is gone; the caller releases them."""
    parent = os.getppid()
    while os.getppid() == parent:
        try:
            yield sink.receive(timeout=_LOOK_AROUND)
        except Timeout:
            continue
        except Interrupted:
            return
