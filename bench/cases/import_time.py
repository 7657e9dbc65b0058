"""What `import mediamesh` costs an application, and that it brings no NumPy.

Each import happens in a fresh interpreter, which measures it itself with its own clock: the start of the interpreter
(`python -c pass`, given in the details) is not part of it. Byte code is cached, as in any installation.
"""

import json
import statistics
import subprocess
import sys
import time
from typing import Any

from bench.calm import Calm
from bench.outcome import Outcome
from bench.turns import in_turns, spread

ROUNDS = 15
PROGRAM = """
import json, sys, time
started = time.perf_counter()
import {module}
spent = time.perf_counter() - started
print(json.dumps([spent * 1e3, "numpy" in sys.modules, len(sys.modules)]))
"""


def run(calm: Calm) -> Outcome:
    """Import mediamesh, iceoryx2 and nothing, in turns."""
    turns = {
        "mediamesh": lambda: _import("mediamesh"),
        "iceoryx2": lambda: _import("iceoryx2"),
        "python": lambda: [_start(), False, 0],
    }
    _import("mediamesh")  # leaves the byte code behind
    _import("iceoryx2")
    return _judge(in_turns(ROUNDS, turns, calm))


def _import(module: str) -> list[Any]:
    program = PROGRAM.format(module=module)
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True)
    figures: list[Any] = json.loads(done.stdout)
    return figures


def _start() -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return (time.perf_counter() - started) * 1e3


def _judge(rounds: dict[str, list[list[Any]]]) -> Outcome:
    times = {name: [each[0] for each in results] for name, results in rounds.items()}
    ours = statistics.median(times["mediamesh"])
    with_numpy = any(each[1] for each in rounds["mediamesh"])
    return Outcome(
        value=round(ours, 1),
        unit="ms",
        holds=ours <= 80 and not with_numpy,
        shown=f"{ours:.1f} ms, {'with' if with_numpy else 'no'} NumPy (interpreter's own start not counted)",
        limit="Python modules of the standard library that it needs: asyncio, protobuf and NumPy come later",
        peer="import iceoryx2",
        peer_value=round(statistics.median(times["iceoryx2"]), 1),
        details={name: spread(values) for name, values in times.items()} | {"modules": rounds["mediamesh"][0][2]},
    )
