"""`mediamesh validate`: say what is wrong with connections before a hub sees them.

First the kinds are checked. If those are right the connections are planned for this machine, and the bridges of the
plan that are installed here are asked about the settings of their endpoints. The others may be where the hub runs.
Last, the connections of all files are looked at together, since `mediamesh up` takes several files.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mediamesh.cli import words
from mediamesh_core.errors import UserError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable, Iterator

    from mediamesh.bridge import Role
    from mediamesh_core.formats import Format
    from mediamesh_core.kinds import MediaConnection
    from mediamesh_core.plan import EndpointPlan

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
        before: list[MediaConnection] = []
        results = [_checked(name, before) for name in args.files]
        if args.json:
            print(json.dumps(results, indent=2))
        else:
            _tell(results)
        return int(any(result["problems"] for result in results))


def _checked(name: str, before: list[MediaConnection]) -> dict[str, list[str] | str]:
    """Check one file, also against the connections of the files `before` it, which become one file more."""
    from mediamesh_core import planner  # noqa: PLC0415  # as the next
    from mediamesh_core.kinds import InvalidKinds, load  # noqa: PLC0415  # pydantic and yaml take their time

    connections: list[str] = []
    problems: list[str] = []
    try:
        found = load(_read(name), name)
        connections = [f"{connection.metadata.namespace}/{connection.metadata.name}" for connection in found]
        problems = [f"{name}: {problem}" for problem in _misfits(found)]
        planner.plan_here([*before, *found], planner.local_node("here"))
        before += found
    except InvalidKinds as error:
        problems = list(error.problems)
    except UserError as error:
        problems = [f"{name}: {error.message}"]
    except UnicodeDecodeError as error:
        problems = [f"{name}: is not UTF-8 text: {error.reason} at byte {error.start}"]
    return {"file": name, "connections": connections, "problems": problems}


def _misfits(connections: Iterable[MediaConnection]) -> Iterator[str]:
    """Yield what bridges say against their endpoints; raises UserError if the connections cannot be planned at all."""
    from mediamesh_core import formats, planner  # noqa: PLC0415  # pydantic and yaml take their time

    for flow in planner.plan_here(connections, planner.local_node("here")).flows:
        media = formats.from_json(flow.payload)
        ends: list[tuple[Role, str, EndpointPlan]] = [("source", flow.source.name, flow.source.endpoint)]
        ends += [("sink", sink.name, sink.endpoint) for sink in flow.sinks]
        for role, end, endpoint in ends:
            if problem := _objection(endpoint, role, media):
                yield f"{flow.connection} {end}: {problem}"


def _objection(endpoint: EndpointPlan, role: Role, media: Format) -> str:
    from mediamesh import bridge  # noqa: PLC0415  # only where there is something to check

    if endpoint.kind != "bridge" or endpoint.bridge not in bridge.names():
        return ""
    try:
        bridge.find(endpoint.bridge).validate(json.loads(endpoint.config or "{}"), role, media)
    except UserError as error:
        return error.message
    return ""


def _read(name: str) -> str:
    return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")


def _tell(results: list[dict[str, list[str] | str]]) -> None:
    for result in results:
        for problem in result["problems"]:
            words.say(problem)
        if not result["problems"]:
            print(f"{result['file']}: {', '.join(result['connections'])}")


command = ValidateCommand()
