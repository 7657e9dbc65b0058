"""Any text at all is a list of connections or a list of problems: a kept corpus, and texts that hypothesis invents."""

import copy
import random
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from kinds_fuzz_target import run

from mediamesh_core.formats import PAYLOADS, PIXEL_FORMATS
from mediamesh_core.kinds import connection, endpoints, payload

CORPUS = sorted((Path(__file__).parent / "corpus" / "kinds").iterdir())
EXAMPLES = [path.read_text() for path in sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))]
MODELS = [*vars(connection).values(), *vars(endpoints).values(), *vars(payload).values()]
FIELDS = sorted({info.alias for model in MODELS for info in getattr(model, "model_fields", {}).values() if info.alias})
WORDS = [
    "auto",
    "dropOldest",
    "h264",
    "pcm_s24be",
    "60000/1001",
    "29.97",
    "@a",
    "../x",
    "%Y.mkv",
    *list(PIXEL_FORMATS)[:3],
]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(WORDS)
KEYS = st.sampled_from([*FIELDS, *PAYLOADS]) | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
TOKENS = st.sampled_from(
    [*"[]{}:,-?&*!|>'\"#%@\n\t ", "&a ", "*a", "<<: ", "---\n", "!!int ", "a: ", "  ", "\x85", "\ud800", "0x", *FIELDS]
)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_kept_inputs_are_read_or_refused(path: Path) -> None:
    run(path.read_bytes())


@given(st.binary(max_size=200))
def test_bytes_are_read_or_refused(data: bytes) -> None:
    run(data)


@given(st.lists(TOKENS, max_size=60).map("".join))
def test_pieces_of_yaml_are_read_or_refused(text: str) -> None:
    run(text.encode("utf-8", "surrogatepass"))


@given(st.sampled_from(EXAMPLES), st.lists(st.tuples(KEYS, VALUES), min_size=1, max_size=3), st.randoms())
def test_changed_examples_are_read_or_refused(text: str, changes: list[tuple[str, Any]], chance: random.Random) -> None:
    document = copy.deepcopy(yaml.safe_load(text))
    for key, value in changes:
        change(document, key, value, chance)
    run(yaml.safe_dump(document, allow_unicode=True).encode("utf-8", "surrogatepass"))


def change(document: dict[str, Any], key: str, value: object, chance: random.Random) -> None:
    """Put a value somewhere: in place of one that is there, or beside it."""
    place: Any = document
    while chance.random() < 0.8:
        inner = [
            each for each in (place.values() if isinstance(place, dict) else place) if isinstance(each, dict | list)
        ]
        if not inner:
            break
        place = chance.choice(inner)
    if isinstance(place, list):
        place.append(value)
    else:
        place[chance.choice([key, *place])] = value
