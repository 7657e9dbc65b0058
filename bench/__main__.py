"""`python -m bench`: run the cases, print the table, publish the page."""

import argparse
import sys
import time
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime

from bench import machine, page
from bench.calm import Calm
from bench.outcome import Record, read_all
from bench.registry import CASES, Case
from bench.table import row


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="What mediamesh costs, beside what others cost. Results go to bench/results/<name>.json.",
        epilog="examples: python -m bench; python -m bench latency small-frames; make bench ONLY=latency",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these cases; see --list")
    parser.add_argument("--list", action="store_true", help="print the names and targets and do nothing")
    parser.add_argument("--publish", action="store_true", help=f"write {page.PAGE} from the results that are there")
    parsed = parser.parse_args(arguments)
    known = [case.name for case in CASES]
    if unknown := [name for name in parsed.names if name not in known]:
        parser.error(f"no case is called {', '.join(unknown)}; there are {', '.join(known)}")
    return parsed


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; 1 if a case could not be run."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    if options.list:
        for case in CASES:
            print(f"{case.name:<18} {case.what}: {case.target}")
        return 0
    if options.publish and not options.names:
        return _publish()
    chosen = [case for case in CASES if case.name in options.names or not options.names]
    failed = [case.name for case in chosen if not _run(case)]
    if options.publish:
        _publish()
    return bool(failed)


def _run(case: Case) -> bool:
    """Run one case, print its row, write its file; False if it broke."""
    calm, started = Calm(), time.monotonic()
    try:
        outcome = case.run(calm)
    except Exception:  # noqa: BLE001  (one case that breaks must not hide the others)
        traceback.print_exc()
        print(f"{case.name:<18} BROKE", flush=True)
        return False
    record = Record(
        name=case.name,
        what=case.what,
        target=case.target,
        command=f"make bench ONLY={case.name}",
        machine=machine.describe(),
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        seconds=round(time.monotonic() - started, 1),
        load=calm.report(),
        outcome=outcome,
    )
    record.write()
    print(row(record.as_dict()), flush=True)
    return True


def _publish() -> int:
    results = read_all()
    page.PAGE.write_text(page.render([results[case.name] for case in CASES if case.name in results]))
    print(f"wrote {page.PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
