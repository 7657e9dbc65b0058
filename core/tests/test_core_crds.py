"""The CustomResourceDefinitions: current, structural, bounded, and with what people look at."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from mediamesh_core.crds import CUSTOM_RESOURCES, CustomResource, definition
from mediamesh_core.crds.__main__ import files
from mediamesh_core.crds.structural import structural
from mediamesh_core.kinds.base import Model
from mediamesh_core.kinds.rules import RULES

ROOT = Path(__file__).parents[2]
Schema = dict[str, Any]


def whole(resource: CustomResource) -> Schema:
    schema: Schema = definition(resource)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def inside(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Yield every schema with its path; that of Kubernetes itself is left out."""
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        if (path, name) not in {("", "apiVersion"), ("", "kind"), ("", "metadata")}:
            yield from inside(inner, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from inside(schema[key], f"{path}[]")


EVERY = [(resource.kind + path, schema) for resource in CUSTOM_RESOURCES for path, schema in inside(whole(resource))]


def test_files_are_current() -> None:
    stale = [str(path) for path, text in files() if (ROOT / path).read_text() != text]
    assert stale == [], "run: make generate"


def test_nothing_is_without_a_bound() -> None:
    assert [path for path, schema in EVERY if not is_bounded(schema)] == []


def is_bounded(schema: Schema) -> bool:
    if "x-kubernetes-int-or-string" in schema:
        return {"maximum", "maxLength"} <= schema.keys()
    wanted = {"string": "maxLength", "array": "maxItems", "integer": "maximum"}
    if "additionalProperties" in schema:
        return "maxProperties" in schema
    return "enum" in schema or schema["type"] not in wanted or wanted[schema["type"]] in schema


def test_schemas_are_structural() -> None:
    forbidden = {"$ref", "$defs", "title", "const", "oneOf", "allOf", "not", "exclusiveMaximum", "nullable"}
    assert [path for path, schema in EVERY if forbidden & schema.keys()] == []
    assert [path for path, schema in EVERY if "type" not in schema and "x-kubernetes-int-or-string" not in schema] == []
    assert [path for path, schema in EVERY if "properties" in schema and "additionalProperties" in schema] == []


def test_everything_is_described() -> None:
    assert [path for path, schema in EVERY if not schema.get("description") and not path.endswith("]")] == []


def test_keys_of_lists_are_always_there() -> None:
    lists = [schema for _, schema in EVERY if schema.get("x-kubernetes-list-type") == "map"]
    assert len(lists) >= 7
    for schema in lists:
        item = schema["items"]
        for key in schema["x-kubernetes-list-map-keys"]:
            assert key in item["required"] or "default" in item["properties"][key]


def test_defaults_are_those_of_the_models() -> None:
    defaults = {path: schema["default"] for path, schema in EVERY if "default" in schema}
    assert defaults["MediaConnection.spec.sinks"] == []
    assert defaults["MediaConnection.spec.sinks[].delivery"] == {"policy": "dropOldest", "queue": 4, "start": "newest"}
    assert defaults["MediaConnection.spec.source.name"] == "source"
    assert defaults["MediaConnection.spec.pool"] == {"hugePages": False}
    assert [path for path in defaults if ".status" in path] == ["MediaConnection.status.endpoints[].pod"]


def test_every_rule_is_somewhere() -> None:
    told = {rule["rule"] for _, schema in EVERY for rule in schema.get("x-kubernetes-validations", ())}
    assert [rule.cel for rules in RULES.values() for rule in rules if rule.cel not in told] == []


def test_every_model_with_a_validator_between_fields_has_rules() -> None:
    pending, ruled = [Model], set(RULES)
    while pending:
        model = pending.pop()
        pending += model.__subclasses__()
        validators = model.__dict__["__pydantic_decorators__"].model_validators
        inherited_only = not any(name in vars(model) for name in validators)
        assert inherited_only or model.__name__ in ruled | {"_Described"}, model


@pytest.mark.parametrize("resource", CUSTOM_RESOURCES, ids=lambda resource: resource.kind)
def test_names_and_columns(resource: CustomResource) -> None:
    made = definition(resource)
    names, (version,) = made["spec"]["names"], made["spec"]["versions"]
    assert made["metadata"]["name"] == f"{names['plural']}.mediamesh.io"
    assert names["categories"] == ["mediamesh"]
    assert version["subresources"] == {"status": {}}
    assert version["additionalPrinterColumns"][0]["name"] == "Ready"
    wide = [column["name"] for column in version["additionalPrinterColumns"] if column.get("priority")]
    assert wide[-1] == "Message"


def test_first_question_is_answered_by_the_columns() -> None:
    columns = [column.name for column in CUSTOM_RESOURCES[0].columns if not column.wide]
    assert columns == ["Ready", "Source", "Sinks", "Node", "Rate", "Age"]


def test_chart_has_what_kubectl_has() -> None:
    for resource in CUSTOM_RESOURCES:
        template = (ROOT / "charts/mediamesh/templates/crds" / resource.file_name).read_text()
        assert template.startswith("{{- if .Values.crds.enabled }}\n")
        assert "{{- if .Values.crds.keep }}\n  annotations:\n    helm.sh/resource-policy: keep\n" in template
        lines = template.splitlines()
        start, end = lines.index("  {{- if .Values.crds.keep }}"), lines.index("spec:")
        assert yaml.safe_load("\n".join(lines[1:start] + lines[end:-1])) == yaml.safe_load(
            (ROOT / "crds" / resource.file_name).read_text()
        )


class _Inner(Model):
    """Inside."""

    word: str = ""
    """A word."""


class _Outer(Model):
    """Outside."""

    inner: _Inner | None = None
    """What is inside."""
    count: int | None = None
    """How many."""


def test_references_and_nulls_are_written_out() -> None:
    assert structural(_Outer.model_json_schema(by_alias=True)) == {
        "type": "object",
        "description": "Outside.",
        "properties": {
            "inner": {
                "type": "object",
                "description": "What is inside.",
                "properties": {"word": {"type": "string", "description": "A word."}},
            },
            "count": {"type": "integer", "format": "int64", "description": "How many."},
        },
    }
