"""Writes docs/reference/values.md: what the chart can be told, from its values, their comments and their schema.

A program, not a package: `make generate` runs it, and `make check` fails where the page is not what it writes. A
comment belongs to the value below it. What values contradict each other, and what helm says then, is read from the
templates that refuse them.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parents[1] / "charts/mediamesh"
_HEAD = """# Values of the chart

<!-- Written by `python docs/values_page.py`; do not edit. -->

What `helm install --set` and `--values` may name. Whatever is not here is refused, and so is what is not of its type:
a typo is an error and no default. [Installing](../operations/install.md) tells which of them are worth a thought.
"""
_CONTRADICTIONS = """## What is refused together

Values that are right one by one and make no sense together are refused before anything is installed:
"""
_FAIL = re.compile(r'fail (?:\(printf )?"([^"]+)"')
_KEY = re.compile(r"^( *)([A-Za-z]+):")
Schema = Mapping[str, Any]


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    values, schema = yaml.safe_load((CHART / "values.yaml").read_text()), load_schema()
    told = comments((CHART / "values.yaml").read_text())
    yield _HEAD
    for part, inner in values.items():
        yield f"## {part}\n"
        yield from _story(told.get(part, ""))
        yield "| value | default | type | meaning |"
        yield "| --- | --- | --- | --- |"
        yield from (_row(path, value, schema, told) for path, value in leaves(part, inner, schema))
        yield ""
    yield _CONTRADICTIONS
    yield "```text"
    yield from refusals()
    yield "```"


def load_schema() -> Schema:
    """Return the schema of the values."""
    schema: Schema = json.loads((CHART / "values.schema.json").read_text())
    return schema


def leaves(path: str, value: object, schema: Schema) -> Iterator[tuple[str, object]]:
    """Yield the values that are set as a whole: scalars, lists, and mappings whose keys are free."""
    if isinstance(value, dict) and value and "properties" in schema_of(path, schema):
        for name, inner in value.items():
            yield from leaves(f"{path}.{name}", inner, schema)
    else:
        yield path, value


def schema_of(path: str, schema: Schema) -> Schema:
    """Return what the schema says of a value."""
    found = schema
    for name in path.split("."):
        found = found["properties"][name]
        if "$ref" in found:
            found = schema["definitions"][found["$ref"].rpartition("/")[2]]
    return found


def comments(text: str) -> dict[str, str]:
    """Return the comment above each value, by its path."""
    told: dict[str, str] = {}
    above: list[str] = []
    path: list[str] = []
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            above.append(line.strip().lstrip("# "))
        elif key := _KEY.match(line):
            path = [*path[: len(key[1]) // 2], key[2]]
            told[".".join(path)], above = " ".join(above), []
        else:
            above = []
    return told


def refusals() -> Iterator[str]:
    """Yield what helm says of values that contradict each other."""
    for template in sorted((CHART / "templates").rglob("*")):
        if template.is_file():
            yield from (message.replace("%s", "NAME") for message in _FAIL.findall(template.read_text()))


def _story(text: str) -> Iterator[str]:
    if text:
        yield f"{text}\n"


def _row(path: str, value: object, schema: Schema, told: Mapping[str, str]) -> str:
    meaning = told.get(path) or told.get(path.rpartition(".")[0], "")
    return f"| `{path}` | `{json.dumps(value)}` | {_type(schema_of(path, schema))} | {_escaped(meaning)} |"


def _type(schema: Schema) -> str:
    if "enum" in schema:
        return _escaped(" | ".join(json.dumps(value) for value in schema["enum"]))
    kind = schema["type"]
    return _escaped(" | ".join(kind) if isinstance(kind, list) else str(kind))


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write("\n".join(page()))
