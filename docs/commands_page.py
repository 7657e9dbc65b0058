"""Writes docs/reference/commands.md: every command of `mediamesh`, from the parsers that read its command line.

A program, not a package: `make generate` runs it, and `make check` fails where the page is not what it writes. What
`--help` prints is not copied, because its lines are broken differently by each version of Python.
"""

import argparse
import sys
from collections.abc import Iterator

from mediamesh.cli.commands import loaders

_HEAD = """# Commands

<!-- Written by `python docs/commands_page.py`; do not edit. -->

What the program `mediamesh` can be told; `mediamesh COMMAND --help` says the same. `up` comes with the package
mediamesh-agent, `sidecar` with mediamesh-bridges, the others with mediamesh. `kubectl mediamesh` has a help of its own.

| status | meaning |
| --- | --- |
| 0 | done; also after Ctrl-C or SIGTERM, where what was begun is finished first |
| 1 | what is wrong is said in one line; of `validate`: a file is wrong; of `up --upgrade`: a frame was lost |
| 2 | wrong usage |
| 130 | Ctrl-C, where there was nothing to finish |

| variable | meaning |
| --- | --- |
| `MEDIAMESH_DIR` | the root folder, where no `--root` is given; else as in [running a node](../operations/running.md) |
| `MEDIAMESH_MEDIA` | the folder of files for `up`, where no `--media` is given; else the working directory |
| `MEDIAMESH_SIDECAR` | the lines of `sidecar`, where none are given |

Results are on standard output, all else on standard error: warnings, what is waited for, and on a terminal a line with
the progress. `--json` is meant for scripts: its names stay, and more may be added.
"""


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    yield _HEAD
    for name, load in sorted(loaders().items()):
        parser, command = argparse.ArgumentParser(prog=f"mediamesh {name}"), load()
        command.add_arguments(parser)
        yield from _entry(parser, command.help)


def _entry(parser: argparse.ArgumentParser, told: str) -> Iterator[str]:
    yield f"## `{parser.prog}`\n"
    yield f"{told[0].upper()}{told[1:]}.\n"
    yield "| argument | meaning |"
    yield "| --- | --- |"
    yield from (_row(action) for action in parser._actions if "--help" not in action.option_strings)  # noqa: SLF001
    if parser.epilog:
        yield f"\n```text\n{parser.epilog.rstrip()}\n```\n"


def _row(action: argparse.Action) -> str:
    shown = ", ".join(f"`{words}`" for words in _spellings(action))
    meaning = (action.help or "").replace("|", "\\|")
    if action.choices is not None:
        meaning += f": {', '.join(f'`{choice}`' for choice in action.choices)}"
    return f"| {shown} | {meaning} |"


def _spellings(action: argparse.Action) -> Iterator[str]:
    value = "" if action.nargs == 0 else str(action.metavar or action.dest.upper())
    if action.option_strings:
        yield from (f"{option} {'' if action.choices else value}".rstrip() for option in action.option_strings)
    else:
        yield {"*": f"[{value} ...]", "+": f"{value} ...", "?": f"[{value}]"}.get(str(action.nargs), value)


if __name__ == "__main__":
    sys.stdout.write("\n".join(page()))
