"""The program `mediamesh`.

Every command says what went wrong in one line, `mediamesh: what is wrong; what to do`, and ends with status 1; wrong
usage ends with 2. Where a script might want to read the result there is `--json`.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from mediamesh.cli import words
from mediamesh.cli.commands import loaders
from mediamesh_core.errors import MediameshError

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    words.speak()
    try:
        args = _parser(arguments[0] if arguments else "").parse_args(arguments)
        status: int = args.run(args)
        sys.stdout.flush()
    except MediameshError as error:
        return _fail(error.message)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the flush at exit would complain again
        return 1
    except OSError as error:
        return _fail(f"{error.filename or 'input or output'}: {error.strerror or error}")
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def _fail(message: str) -> int:
    words.say(message)
    return 1


def _parser(first: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mediamesh", description="Send, receive and look at frames.")
    parser.add_argument("--version", action="version", version=f"mediamesh {version('mediamesh')}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    known = loaders()
    for name in [first] if first in known else sorted(known):
        command = known[name]()
        added = commands.add_parser(name, help=command.help, formatter_class=argparse.RawDescriptionHelpFormatter)
        added.description = command.help
        command.add_arguments(added)
        added.set_defaults(run=command.run)
    return parser
