#!/usr/bin/env python
"""Fuzz the memif codec and both machines with atheris: `cython_ext/tests/fuzz_memif.py -max_total_time=60`.

New inputs land in `corpus/memif` beside this file, where `test_native_memif_fuzz.py` replays them for ever.
Keep it small: move it away and let `-merge=1 WHERE` bring back what adds something.
"""

import sys
from pathlib import Path

import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore]

with atheris.instrument_imports(include=["mediamesh_native.memif"]):
    import memif_fuzz_target

CORPUS = Path(__file__).parent / "corpus" / "memif"


def main() -> None:
    for name, data in memif_fuzz_target.seeds():
        (CORPUS / name).write_bytes(data)
    atheris.Setup([sys.argv[0], str(CORPUS), *sys.argv[1:]], memif_fuzz_target.run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
