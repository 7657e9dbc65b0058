"""The published page, written from the results; nothing on it is written by hand."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
VERDICTS = {True: "yes", False: "**no**", None: "reported"}

HEAD = """# Benchmarks

What mediamesh costs, beside what others cost. This page is written by `python -m bench --publish` from the results of
`make bench`; nobody edits it. One row is run again with the command in the last table.
"""

READING = """## How to read it

* Every case measures in turns with its peer, A B A B, in the same run; a number is the median over the rounds, and a
  percentile is the median of the rounds' percentiles. A target is judged by that number alone, as it came out.
* Everything measured runs in processes of its own: a real hub, and sources and sinks that use the SDK from Python. Only
  the native half of `small-frames` uses loops without the interpreter.
* Latency is from the clock read in the last moment before `send` to the first moment after `receive` has returned, both
  on CLOCK_MONOTONIC, both in Python, the same for iceoryx2 (its publish and notify, to its subscriber has the sample).
  Both sleep in between; a frame of ours takes two wake-ups and a sample of iceoryx2 one.
* The hub's CPU is the scheduler's account of its threads: for what a frame costs that of the engine's thread, for
  "% of a core" that of the whole hub.
* "Others" says how many rounds began while other programs used more than a fifth of the machine, after some waiting for
  calm. Ratios stand that; absolute numbers, and everything that needs as many CPUs as it has busy threads, do not.
* The CPU time of a sink or source is not in any row but `dpdk`.
"""


def render(results: Sequence[dict[str, Any]]) -> str:
    """Return the page for these results, in the order of the table."""
    return "\n".join([HEAD, _machine(results), _table(results), READING, _limits(results), _commands(results)])


def _machine(results: Sequence[dict[str, Any]]) -> str:
    about = results[-1]["machine"]
    kind = "virtual machine" if about["virtual"] else "machine"
    text = (
        f"A {kind} with {about['cpus']} CPUs ({about['cpu']}), {about['memory_gb']} GB, Linux {about['kernel']}, "
        f"Python {about['python']}; {min(each['date'] for each in results)} to {max(each['date'] for each in results)}."
    )
    return f"## Machine\n\n{text}\n"


def _table(results: Sequence[dict[str, Any]]) -> str:
    rows = [f"| {each['what']} | {each['target']} | {VERDICTS[each['holds']]} | {each['shown']} |" for each in results]
    return "\n".join(["## Results\n", "| what | target | holds | measured |", "| --- | --- | --- | --- |", *rows, ""])


def _limits(results: Sequence[dict[str, Any]]) -> str:
    rows = [f"| `{each['name']}` | {each['limit']} |" for each in results]
    return "\n".join(["## What limits each\n", "| case | limit |", "| --- | --- |", *rows, ""])


def _commands(results: Sequence[dict[str, Any]]) -> str:
    rows = [_command(each) for each in results]
    head = ["## Commands\n", "| command | peer | value | peer's | unit | others | seconds |"]
    return "\n".join([*head, "| --- | --- | --- | --- | --- | --- | --- |", *rows, ""])


def _command(result: dict[str, Any]) -> str:
    load = result["load"]
    others = f"{load['rounds_while_others_worked']} of {load['rounds']} rounds"
    peer = "" if result["peer_value"] is None else result["peer_value"]
    cells = [result["peer"] or "none", result["value"], peer, result["unit"], others, f"{result['seconds']:.0f}"]
    return f"| `{result['command']}` | " + " | ".join(str(cell) for cell in cells) + " |"
