"""The reference pages of the kinds: complete, and never stale."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from mediamesh_core.crds import CUSTOM_RESOURCES, CustomResource, definition
from mediamesh_core.formats import CODECS, PIXEL_FORMATS, SAMPLE_FORMATS
from mediamesh_core.kinds import ConnectionStatus, MediaConnection, MediaNetwork, NodeStatus, reference
from mediamesh_core.kinds.schema import VALIDATIONS
from mediamesh_core.kinds.status import NetworkStatus

DOCS = Path(__file__).parents[2] / "docs" / "reference"
PAGES = {
    "MediaConnection": (MediaConnection, ConnectionStatus),
    "MediaNetwork": (MediaNetwork, NetworkStatus),
    "MediaNode": (NodeStatus,),
}


@pytest.mark.parametrize("title", PAGES)
def test_page_in_the_docs_is_written_by_the_models(title: str) -> None:
    assert (DOCS / f"{title.lower()}.md").read_text() == reference.page(title), "run: make generate"


@pytest.mark.parametrize(("title", "models"), PAGES.items(), ids=str)
def test_every_model_and_field_is_on_the_page(title: str, models: tuple[type[BaseModel], ...]) -> None:
    page = reference.page(title)
    for model in models:
        whole = model.model_json_schema(by_alias=True)
        for schema in [whole, *whole["$defs"].values()]:
            assert schema["description"] in page
            assert all(f"| {field} | " in page for field in schema["properties"])


@pytest.mark.parametrize("resource", CUSTOM_RESOURCES, ids=lambda resource: resource.kind)
def test_every_refusal_of_the_api_server_is_on_the_page(resource: CustomResource) -> None:
    lines, told = reference.page(resource.kind).splitlines(), set(messages(definition(resource)))
    assert [message for message in told if not any(line.startswith("- ") and message in line for line in lines)] == []
    assert told or resource.kind == "MediaNode"


def messages(inside: Any) -> Iterator[str]:
    """Yield the message of every rule, wherever it is."""
    if isinstance(inside, dict):
        yield from (rule["message"] for rule in inside.get(VALIDATIONS, ()))
    values = inside.values() if isinstance(inside, dict) else inside if isinstance(inside, list) else ()
    for value in values:
        yield from messages(value)


def test_every_format_is_on_the_page() -> None:
    page = reference.page("MediaConnection")
    assert all(f"| `{name}` | " in page for name in [*PIXEL_FORMATS, *SAMPLE_FORMATS, *CODECS])
    assert "| `nv12` | YCbCr-4:2:0 | 8 | Y, CbCr |\n" in page


def test_rows_say_type_range_and_default() -> None:
    page = reference.page("MediaConnection")
    assert "| policy | `dropOldest`, `block`, `disconnect` | `dropOldest` | " in page
    assert "| queue | integer, 1 to 8192 | `4` | " in page
    assert "| id | integer, 0 to 4294967295 | `0` | " in page
    assert "| loop | true or false | `true` | " in page
    assert "| role | `server`, `client` | needed | " in page


@pytest.mark.parametrize("title", PAGES)
def test_every_field_has_a_meaning(title: str) -> None:
    rows = [line for line in reference.page(title).splitlines() if line.startswith("| ")]
    assert [row for row in rows if row.endswith("|  |")] == []
