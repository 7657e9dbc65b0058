"""What the API server is told of a type that pydantic checks by code of ours: its JSON schema, bounds and rules.

What the values of a format may be is known by `mediamesh_core.formats` alone; these annotations tell the API
server as much of it as a schema can say, and check nothing themselves.
"""

from collections.abc import Iterable
from typing import Any

from pydantic import Field, WithJsonSchema

from mediamesh_core.kinds.rules import Rule

VALIDATIONS = "x-kubernetes-validations"
INT_OR_STRING = "x-kubernetes-int-or-string"


def integer(lowest: int, highest: int) -> WithJsonSchema:
    """Return the schema of an integer within bounds, both included."""
    return WithJsonSchema({"type": "integer", "minimum": lowest, "maximum": highest})


def text(longest: int, *rules: Rule, pattern: str = "") -> WithJsonSchema:
    """Return the schema of a text of at most so many characters."""
    schema: dict[str, Any] = {"type": "string", "maxLength": longest}
    schema |= {"pattern": pattern} if pattern else {}
    return WithJsonSchema(schema | ({VALIDATIONS: [rule.as_schema() for rule in rules]} if rules else {}))


def words(allowed: Iterable[str]) -> WithJsonSchema:
    """Return the schema of one of these words."""
    return WithJsonSchema({"type": "string", "enum": list(allowed)})


def integer_or_text(lowest: int, highest: int, longest: int, pattern: str) -> WithJsonSchema:
    """Return the schema of an integer within bounds, or a text of this form."""
    return WithJsonSchema(
        {
            INT_OR_STRING: True,
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "minimum": lowest,
            "maximum": highest,
            "maxLength": longest,
            "pattern": pattern,
        }
    )


def list_map(*keys: str) -> Any:
    """Return how a list is merged whose items are known by these fields; no two items have the same."""
    return Field(json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)})


def labels(most: int) -> Any:
    """Return the bounds of a mapping from labels to values."""
    return Field(max_length=most, json_schema_extra={"x-kubernetes-map-type": "atomic"})
