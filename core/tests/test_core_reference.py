"""The reference page of MediaConnection: complete, and never stale."""

from pathlib import Path

from mediamesh_core.formats import CODECS, PIXEL_FORMATS, SAMPLE_FORMATS
from mediamesh_core.kinds import MediaConnection, reference

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "mediaconnection.md"


def test_page_in_the_docs_is_written_by_the_models() -> None:
    stale = "run: python -m mediamesh_core.kinds.reference > docs/reference/mediaconnection.md"
    assert PAGE.read_text() == reference.page(), stale


def test_every_model_and_field_is_on_the_page() -> None:
    page = reference.page()
    for schema in MediaConnection.model_json_schema(by_alias=True)["$defs"].values():
        assert schema["description"] in page
        assert all(f"| {field} | " in page for field in schema["properties"])


def test_every_format_is_on_the_page() -> None:
    page = reference.page()
    assert all(f"| `{name}` | " in page for name in [*PIXEL_FORMATS, *SAMPLE_FORMATS, *CODECS])
    assert "| `nv12` | YCbCr-4:2:0 | 8 | Y, CbCr |\n" in page


def test_rows_say_type_range_and_default() -> None:
    page = reference.page()
    assert "| policy | `dropOldest`, `block`, `disconnect` | `dropOldest` | " in page
    assert "| queue | integer, 1 to 8192 | `4` | " in page
    assert "| id | integer, 0 to 4294967295 | `0` | " in page
    assert "| loop | true or false | `true` | " in page
    assert "| role | `server`, `client` | needed | " in page


def test_every_field_has_a_meaning() -> None:
    rows = [line for line in reference.page().splitlines() if line.startswith("| ")]
    assert [row for row in rows if row.endswith("|  |")] == []
