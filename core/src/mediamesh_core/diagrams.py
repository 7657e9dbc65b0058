"""Drawing the tables of `states` as Mermaid diagrams.

`python -m mediamesh_core.diagrams` prints the page that is kept as
`docs/reference/states.md`; a test fails when the two differ.
"""

import sys
from collections.abc import Mapping
from typing import Any

from mediamesh_core.states import MACHINES, Machine

AnyMachine = Machine[Any, Any]

_HEADING = """\
# States

Drawn from the tables in `mediamesh_core.states` by `python -m mediamesh_core.diagrams`; do not edit by hand.
What a table does not have cannot happen: it is raised as `IllegalTransition`.
"""


def mermaid(machine: AnyMachine) -> str:
    """Return the state diagram of one machine, as Mermaid's `stateDiagram-v2`; what changes nothing is not drawn."""
    lines = ["stateDiagram-v2", f"    [*] --> {machine.initial}"]
    for state, row in machine.table.items():
        moves = {end: events for end, events in _grouped(row).items() if end != state}
        lines += [f"    {state} --> {end}: {', '.join(events)}" for end, events in moves.items()]
    lines += [f"    {state} --> [*]" for state, row in machine.table.items() if not row]
    return "\n".join(lines) + "\n"


def table(machine: AnyMachine) -> str:
    """Return the table itself: what can happen in each state, and where that leads."""
    lines = ["| state | what can happen, and the state after it |", "| --- | --- |"]
    for state, row in machine.table.items():
        events = "; ".join(f"{', '.join(events)}: {end}" for end, events in _grouped(row).items())
        lines.append(f"| {state} | {events or 'nothing'} |")
    return "\n".join(lines) + "\n"


def page() -> str:
    """Return the whole page, every machine with its story, its diagram and its table."""
    return "\n".join([_HEADING, *(_section(machine) for machine in MACHINES)])


def _section(machine: AnyMachine) -> str:
    return f"## {machine.name}\n\n{machine.story}\n\n```mermaid\n{mermaid(machine)}```\n\n{table(machine)}"


def _grouped(row: Mapping[Any, Any]) -> dict[str, list[str]]:
    ends: dict[str, list[str]] = {}
    for event, end in row.items():
        ends.setdefault(str(end), []).append(str(event))
    return ends


if __name__ == "__main__":
    sys.stdout.write(page())
