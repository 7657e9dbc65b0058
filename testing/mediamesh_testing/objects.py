"""The corpus of good and bad objects: what the API server and our validators each say of them.

`core/tests/corpus/objects/*.yaml`; the header of connections.yaml tells how a case is written.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CORPUS = Path(__file__).parents[2] / "core" / "tests" / "corpus" / "objects"


@dataclass(frozen=True, slots=True)
class ObjectCase:
    """An object, and what is in the answers that refuse it; "": it is taken."""

    name: str
    kind: str
    body: dict[str, Any]
    api: str
    core: str

    def __str__(self) -> str:
        return f"{self.kind}-{self.name}"


def object_cases() -> Iterator[ObjectCase]:
    """Yield all cases, each with an object of its own."""
    for path in sorted(CORPUS.glob("*.yaml")):
        document = yaml.safe_load(path.read_text())
        for case in document["cases"]:
            body = _merged(document["object"], case.get("set", {}))
            yield ObjectCase(case["name"], document["kind"], body, case.get("api", ""), case.get("core", ""))


def with_strangers(schema: Mapping[str, Any], path: str) -> tuple[Any, list[str]]:
    """Return a value with a field `stranger` in each mapping whose fields a schema knows, and the paths of these."""
    if "items" in schema:
        inner, paths = with_strangers(schema["items"], f"{path}[0]")
        return [inner], paths
    value: dict[str, Any] = {"stranger": 1}
    paths = [f"{path}.stranger"]
    for name, field in schema["properties"].items():
        if "properties" in field or "properties" in field.get("items", ()):
            value[name], more = with_strangers(field, f"{path}.{name}")
            paths += more
    return value, paths


def _merged(value: Any, patch: Any) -> Any:
    """Return `value` with a JSON merge patch (RFC 7396) applied."""
    if not isinstance(patch, Mapping):
        return deepcopy(patch)
    made = dict(value) if isinstance(value, Mapping) else {}
    for key, inner in patch.items():
        if inner is None:
            made.pop(key, None)
        else:
            made[key] = _merged(made.get(key), inner)
    return deepcopy(made)
