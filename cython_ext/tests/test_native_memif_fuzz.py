"""Replay what the fuzzer has found interesting, and seeds that it starts from."""

from pathlib import Path

import memif_fuzz_target
import pytest
from hypothesis import given
from hypothesis import strategies as st

CORPUS = Path(__file__).parent / "corpus" / "memif"
KEPT = sorted(CORPUS.iterdir())


@pytest.mark.parametrize("path", KEPT, ids=[path.name for path in KEPT])
def test_the_kept_corpus_holds(path: Path) -> None:
    memif_fuzz_target.run(path.read_bytes())


def test_the_seeds_are_in_the_corpus() -> None:
    for name, data in memif_fuzz_target.seeds():
        assert (CORPUS / name).read_bytes() == data


@given(st.binary(max_size=2000))
def test_any_bytes_hold(data: bytes) -> None:
    memif_fuzz_target.run(data)
