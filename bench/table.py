"""How a result looks in a terminal."""

from typing import Any

VERDICTS = {True: "holds", False: "FAILS", None: "reported"}


def row(result: dict[str, Any]) -> str:
    """Return two lines: what came out, and what was aimed at."""
    load, verdict = result["load"], VERDICTS[result["holds"]]
    busy = load["rounds_while_others_worked"]
    note = f"  [others worked during {busy} of {load['rounds']} rounds]" if busy else ""
    return (
        f"{result['name']:<18} {verdict:<9} {result['shown']}\n"
        f"{'':<18} {'':<9} target: {result['target']}  ({result['seconds']:.0f} s){note}"
    )
