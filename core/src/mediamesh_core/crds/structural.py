"""From pydantic's JSON schema to what the API server calls a *structural* schema.

References are written out, because a CustomResourceDefinition has no place for them. A field that may be null is one
that may be left out: the API server removes nulls before it looks at anything. Unknown fields are not refused by the
schema: `kubectl` refuses them by itself, and others have them removed. Each model brings its rules along.
"""

from collections.abc import Mapping
from typing import Any

from mediamesh_core.kinds.rules import RULES
from mediamesh_core.kinds.schema import INT_OR_STRING, VALIDATIONS

Schema = dict[str, Any]
_KEPT = (
    "description",
    "type",
    "format",
    INT_OR_STRING,
    "anyOf",
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "maxItems",
    "maxProperties",
    "default",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
    VALIDATIONS,
    "required",
)
_MAP_KEYS = "x-kubernetes-list-map-keys"


def structural(schema: Mapping[str, Any], *, defaults: bool = True) -> Schema:
    """Return the schema of a model; without `defaults` only keys of lists have one, as in a status."""
    return _Writer(schema.get("$defs", {}), defaults=defaults).model(str(schema["title"]), schema)


class _Writer:
    def __init__(self, models: Mapping[str, Any], *, defaults: bool) -> None:
        self._models = models
        self._defaults = defaults

    def model(self, name: str, schema: Mapping[str, Any]) -> Schema:
        """Write a model, with its rules."""
        made = self._written(schema)
        if rules := RULES.get(name):
            made[VALIDATIONS] = [rule.as_schema() for rule in rules]
        properties = schema.get("properties", {})
        return made | {"properties": {field: self._written(value) for field, value in properties.items()}}

    def _written(self, schema: Mapping[str, Any]) -> Schema:
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            return self.model(name, self._models[name]) | self._own(schema)
        if "anyOf" in schema and INT_OR_STRING not in schema:
            (only,) = (one for one in schema["anyOf"] if one.get("type") != "null")
            return self._written(only) | self._own(schema)
        return self._own(schema) | self._inside(schema)

    def _inside(self, schema: Mapping[str, Any]) -> Schema:
        made: Schema = {}
        if "items" in schema:
            made["items"] = self._item(schema)
        if isinstance(schema.get("additionalProperties"), Mapping):
            made["additionalProperties"] = self._written(schema["additionalProperties"])
        return made

    def _item(self, schema: Mapping[str, Any]) -> Schema:
        """Write an item of a list; a key by which items are known is always there."""
        item = self._written(schema["items"])
        for key in schema.get(_MAP_KEYS, ()):
            if key not in item.get("required", ()):
                item["properties"][key]["default"] = ""
        return item

    def _own(self, schema: Mapping[str, Any]) -> Schema:
        own = {key: schema[key] for key in _KEPT if key in schema and (key != "anyOf" or INT_OR_STRING in schema)}
        if "const" in schema:
            own |= {"enum": [schema["const"]]}
        if own.get("type") == "integer":
            own["format"] = "int64"
        return own | self._default(own.pop("default", None))

    def _default(self, value: object) -> Schema:
        if not self._defaults or value is None or value == "":
            return {}
        if isinstance(value, Mapping):
            value = {key: inner for key, inner in value.items() if inner is not None}
        return {"default": value}
