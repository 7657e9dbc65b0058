"""Files that are written by a program and committed: writing them, or checking that they are current.

Whoever makes such files is a program with this one option; `.ci/generate` calls them all.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

Files = Iterable[tuple[Path, str]]
"""Paths relative to the working directory, which is the repository, and what is in each."""


def write_or_check(program: str, files: Files) -> None:
    """Write the files; with `--check` change nothing, and end with 1 if one is stale."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}")
    parser.add_argument("--check", action="store_true", help="change nothing; fail if a file is stale")
    if parser.parse_args().check:
        stale = [str(path) for path, text in files if not path.exists() or path.read_text() != text]
        sys.exit(f"stale, run `make generate`: {', '.join(stale)}" if stale else 0)
    for path, text in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
