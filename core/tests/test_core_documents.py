"""YAML from a stranger: bounded, without surprises, and nothing but plain values."""

import re

import pytest
import yaml

from mediamesh_core.kinds import InvalidKinds, load
from mediamesh_core.kinds.documents import MAX_CHARACTERS, documents


def bomb(levels: int = 30) -> str:
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{level}: &a{level} [*a{level - 1}, *a{level - 1}]" for level in range(1, levels)]
    return "\n".join(lines)


def merge_bomb(levels: int = 30) -> str:
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{level}: &a{level} {{<<: [*a{level - 1}, *a{level - 1}]}}" for level in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (bomb(), "stands for more than 20000 values"),
        (merge_bomb(), "stands for more than 20000 values"),
        ("&a [*a]", "contains itself"),
        ("&a {b: {c: *a}}", "contains itself"),
        ("[" * 50_000, "nested more than 32 deep"),
        ("{a: " * 50_000, "nested more than 32 deep"),
        ("- " * 50_000 + "x", "nested more than 32 deep"),
        ("x" * (MAX_CHARACTERS + 1), "has 262145 characters, the most is 262144"),
        ("[" + "x, " * 30_000 + "x]", "stands for more than 20000 values"),
        ("a: 1\na: 2", "the key 'a' is given twice"),
        ("on: 1", "the key 'on' is not a text; quote it"),
        ("1: 1", "the key '1' is not a text; quote it"),
        ("? [a]\n: b", "is not a text; quote it"),
        ("!!python/object/apply:os.system [x]", "python/object/apply:os.system"),
        ("a: !!binary x", "the tag 'tag:yaml.org,2002:binary' is not for 'x'"),
        ("a: !!int ''", "the tag 'tag:yaml.org,2002:int' is not for ''"),
        ("a: !!timestamp x", "the tag 'tag:yaml.org,2002:timestamp' is not for 'x'"),
        ("a: !own x", "the tag '!own' is not for 'x'"),
        ("a: <<", "could not determine a constructor"),
        ("<<: 1", "expected a mapping or list of mappings for merging"),
        ("*x", "found undefined alias"),
        ("a: " + "9" * 9000, "Exceeds the limit"),
        ("\x00", "unacceptable character"),
        ("{", "expected the node content"),
        ("a: b: c", "mapping values are not allowed here"),
        ("\t- x", "cannot start any token"),
        ("%YAML 9.9\n--- a", "found incompatible YAML document"),
    ],
    ids=lambda value: value[:20],
)
def test_text_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(InvalidKinds) as caught:
        load(text, "bad.yaml")
    assert message in caught.value.message
    assert re.match(r"bad\.yaml:(\d+: | has 262145)", caught.value.message)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-11-21", "2026-11-21"),
        ("=", "="),
        ("60000/1001", "60000/1001"),
        ("[yes, no, true, ~, 0x10, 1.5]", [True, False, True, None, 16, 1.5]),
        ("!!str 5", "5"),
        ("{a: {b: [c]}}", {"a": {"b": ["c"]}}),
        ("{x: &x {a: 1, b: 1}, y: {<<: *x, a: 2}}", {"x": {"a": 1, "b": 1}, "y": {"a": 2, "b": 1}}),
        ("{o: {x: &x {<<: {a: 1}, a: 2}}, y: {<<: *x}}", {"o": {"x": {"a": 2}}, "y": {"a": 2}}),
        ("[&a [1], *a]", [[1], [1]]),
    ],
)
def test_plain_yaml_is_read(text: str, value: object) -> None:
    assert [document.value for document in documents(text)] == [value]


def test_documents_before_a_broken_one_are_checked_too() -> None:
    with pytest.raises(InvalidKinds) as caught:
        load("a: 1\n---\n{", "bad.yaml")
    assert any(problem.startswith("bad.yaml:1: a: there is no such field") for problem in caught.value.problems)
    assert any(problem.startswith("bad.yaml:3: column 2: expected") for problem in caught.value.problems)


@pytest.mark.parametrize("text", ["", "---", "# nothing\n", "---\n---\n", "null"])
def test_nothing_is_refused(text: str) -> None:
    with pytest.raises(InvalidKinds, match=r"nothing\.yaml: there is no MediaConnection in it"):
        load(text, "nothing.yaml")


def test_other_loaders_are_as_they_were() -> None:
    list(documents("a: 2026-11-21"))
    assert yaml.safe_load("2026-11-21") != "2026-11-21"
