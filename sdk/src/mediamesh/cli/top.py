"""`mediamesh top`: rates, latency and drops of every attachment, live.

Rates are differences between two looks, over the time that the hub itself says has gone by.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import sys
import termios
import time
import tty
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mediamesh.cli.arguments import seconds
from mediamesh.cli.observing import add_root, microseconds
from mediamesh.cli.table import aligned
from mediamesh.hubclient import HubClient

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from mediamesh_protos import hub_pb2

HOME_AND_CLEAR = "\x1b[H\x1b[J"
ALTERNATE, BACK = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
COLUMNS = (
    ("connection", "CONNECTION"),
    ("endpoint", "ENDPOINT"),
    ("role", "ROLE"),
    ("client", "CLIENT"),
    ("framesPerSecond", "FRAMES/S"),
    ("frames", "FRAMES"),
    ("dropped", "DROPPED"),
    ("occupancy", "QUEUE"),
    ("p50", "P50 µs"),
    ("p99", "P99 µs"),
)
QUIT = frozenset(b"qQ")
EXAMPLES = """keys: q quits

examples:
  mediamesh top
  mediamesh top --interval 0.5
  mediamesh top --once --json
"""


class TopCommand:
    """Shows a live table."""

    help = "show rates, latency and drops, live"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.epilog = EXAMPLES
        parser.add_argument("--once", action="store_true", help="print one table and end")
        parser.add_argument("--json", action="store_true", help="print one JSON object per look")
        parser.add_argument("--interval", type=seconds, default=1.0, metavar="SECONDS", help="between two looks (1)")
        add_root(parser)

    def run(self, args: Namespace) -> int:
        """Look until q, Ctrl-C or once."""
        live = not args.once and not args.json and sys.stdin.isatty() and sys.stdout.isatty()
        with HubClient(args.root) as hub, _screen() if live else contextlib.nullcontext():
            before = hub.observe()
            while not _quit_within(args.interval, keys=live):
                now = hub.observe()
                _show(before, now, as_json=args.json, live=live)
                if args.once:
                    break
                before = now
        return 0


def _show(before: hub_pb2.Observed, now: hub_pb2.Observed, *, as_json: bool, live: bool) -> None:
    facts = rates(before, now)
    if as_json:
        print(json.dumps(facts), flush=True)
        return
    lines = picture(facts, now)
    if live:
        size = os.get_terminal_size()
        lines = [line[: size.columns] for line in lines[: size.lines - 1]]  # what wraps would push the head out
    print((HOME_AND_CLEAR if live else "") + "\n".join(lines), flush=True)


def rates(before: hub_pb2.Observed, now: hub_pb2.Observed) -> dict[str, object]:
    """Return what `--json` prints."""
    seconds = max(now.clock - before.clock, 1e-9)
    earlier = {(flow.connection, end.attachment): end for flow in before.flows for end in flow.attachments}
    rows = [
        _row(flow.connection, end, earlier.get((flow.connection, end.attachment)), seconds)
        for flow in now.flows
        for end in flow.attachments
    ]
    held = {flow.connection: sorted(sinks) for flow in now.flows if (sinks := held_back_by(flow, before))}
    cpu = (now.engine_cpu_seconds - before.engine_cpu_seconds) / seconds
    return {"pid": now.pid, "engineCpuPercent": round(100 * cpu, 2), "attachments": rows, "heldBackBy": held}


def held_back_by(flow: hub_pb2.ObservedFlow, before: hub_pb2.Observed) -> set[str]:
    """Return the sinks that the source waited for at both looks: a moment's wait is only the policy `block` at work."""
    earlier = (old.held_back_by for old in before.flows if old.connection == flow.connection)
    return set(flow.held_back_by).intersection(*earlier)


def _row(
    connection: str, end: hub_pb2.ObservedAttachment, before: hub_pb2.ObservedAttachment | None, seconds: float
) -> dict[str, object]:
    return {
        "connection": connection,
        "endpoint": end.endpoint,
        "role": end.role,
        "client": end.client,
        "framesPerSecond": round((end.frames - (before.frames if before else 0)) / seconds, 1),
        "frames": end.frames,
        "dropped": end.dropped,
        "occupancy": f"{end.occupancy}/{end.queue}",
        "p50": microseconds(end.latency, 0.5),
        "p99": microseconds(end.latency, 0.99),
    }


def picture(facts: dict[str, object], now: hub_pb2.Observed) -> list[str]:
    """Return the lines of one screen."""
    rows: list[dict[str, object]] = facts["attachments"]  # type: ignore[assignment]
    table = [["-" if row[key] is None else row[key] for key, _ in COLUMNS] for row in rows]
    head = f"hub {now.pid}  engine {facts['engineCpuPercent']} % of a core  memory {now.memory_bytes >> 20} MiB"
    waiting = [
        f"{flow.connection}: {flow.state} {flow.message}".rstrip() for flow in now.flows if flow.state != "Flowing"
    ]
    held: dict[str, list[str]] = facts["heldBackBy"]  # type: ignore[assignment]
    waiting += [f"{connection}: source held back by {', '.join(sinks)}" for connection, sinks in held.items()]
    return [head, "", *aligned([title for _, title in COLUMNS], table), *([""] if waiting else []), *waiting]


@contextlib.contextmanager
def _screen() -> Iterator[None]:
    """Have keys at once and a screen of our own; give both back."""
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        sys.stdout.write(ALTERNATE)
        yield
    finally:
        sys.stdout.write(BACK)
        sys.stdout.flush()
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _quit_within(seconds: float, *, keys: bool) -> bool:
    if not keys:
        time.sleep(seconds)
        return False
    end = time.monotonic() + seconds
    while select.select([sys.stdin], [], [], max(end - time.monotonic(), 0))[0]:
        keys_pressed = os.read(sys.stdin.fileno(), 64)  # not through the buffer of sys.stdin, which select cannot see
        if not keys_pressed or QUIT & set(keys_pressed):
            return True
    return False


command = TopCommand()
