"""`mediamesh validate`: say what is wrong with connections before a hub sees them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

EXAMPLES = """examples:
  mediamesh validate cam1.yaml
  mediamesh validate connections/*.yaml
  mediamesh validate --json cam1.yaml
  cat cam1.yaml | mediamesh validate -
"""


class ValidateCommand:
    """Validates files."""

    help = "check files with connections; names field, value and fix of everything that is wrong"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.epilog = EXAMPLES
        parser.add_argument("files", nargs="+", metavar="FILE", help="YAML; - is standard input")
        parser.add_argument("--json", action="store_true", help="print a JSON array, one object per file")

    def run(self, args: Namespace) -> int:
        """Check every file; 1 if something is wrong with one of them."""
        results = [_checked(name) for name in args.files]
        if args.json:
            print(json.dumps(results, indent=2))
        else:
            _tell(results)
        return int(any(result["problems"] for result in results))


def _checked(name: str) -> dict[str, list[str] | str]:
    from mediamesh_core.kinds import InvalidKinds, load  # noqa: PLC0415  # pydantic and yaml take their time

    connections: list[str] = []
    problems: list[str] = []
    try:
        found = load(_read(name), name)
        connections = [f"{connection.metadata.namespace}/{connection.metadata.name}" for connection in found]
    except InvalidKinds as error:
        problems = list(error.problems)
    except UnicodeDecodeError as error:
        problems = [f"{name}: is not UTF-8 text: {error.reason} at byte {error.start}"]
    return {"file": name, "connections": connections, "problems": problems}


def _read(name: str) -> str:
    return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")


def _tell(results: list[dict[str, list[str] | str]]) -> None:
    for result in results:
        for problem in result["problems"]:
            print(f"mediamesh: {problem}", file=sys.stderr)
        if not result["problems"]:
            print(f"{result['file']}: {', '.join(result['connections'])}")


command = ValidateCommand()
