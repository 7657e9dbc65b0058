#!/usr/bin/env python
"""Fuzz what programs write to a sidecar with atheris: `bridges/tests/fuzz_streams.py -max_total_time=60`.

New inputs land in `corpus/streams` beside this file, where `test_bridges_sidecar_fuzz.py` replays them for ever.
Keep it small: move it away and let `-merge=1 WHERE` bring back what adds something.
"""

import sys
from pathlib import Path

import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore]

with atheris.instrument_imports(include=["mediamesh", "mediamesh_bridges"]):
    import streams_fuzz_target

CORPUS = Path(__file__).parent / "corpus" / "streams"


def main() -> None:
    atheris.Setup([sys.argv[0], str(CORPUS), *sys.argv[1:]], streams_fuzz_target.run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
