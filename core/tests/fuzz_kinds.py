#!/usr/bin/env python
"""Fuzz the reading and planning of YAML with atheris: `core/tests/fuzz_kinds.py -max_total_time=60`.

New inputs land in `corpus/kinds` beside this file, where `test_core_kinds_fuzz.py` replays them for ever.
Keep it small: move it away and let `-merge=1 WHERE` bring back what adds something.
"""

import sys
from pathlib import Path

import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore]

with atheris.instrument_imports(include=["mediamesh_core", "yaml"]):
    import kinds_fuzz_target

CORPUS = Path(__file__).parent / "corpus" / "kinds"
EXAMPLES = Path(__file__).parents[2] / "examples"


def main() -> None:
    atheris.Setup([sys.argv[0], str(CORPUS), str(EXAMPLES), *sys.argv[1:]], kinds_fuzz_target.run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
