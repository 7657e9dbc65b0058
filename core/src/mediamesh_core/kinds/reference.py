"""The reference page of MediaConnection, written by the models and the tables of formats.

`python -m mediamesh_core.kinds.reference` prints what is kept as
`docs/reference/mediaconnection.md`; a test fails when the two differ.
"""

import sys
from collections.abc import Iterable, Iterator
from typing import Any

from mediamesh_core.formats import CODECS, PIXEL_FORMATS, SAMPLE_FORMATS
from mediamesh_core.kinds.connection import MediaConnection

_HEADING = """\
# MediaConnection

Every field, written by `python -m mediamesh_core.kinds.reference` from the models; do not edit by hand.
`mediamesh validate FILE` checks a file and names field, value and fix of everything that is wrong with it.
Examples are in the folder `examples/`.
"""
_PATHS = {
    "MediaConnection": "",
    "Metadata": "metadata",
    "Spec": "spec",
    "Payload": "spec.payload",
    "Video": "spec.payload.video",
    "Audio": "spec.payload.audio",
    "Ancillary": "spec.payload.ancillary",
    "Encoded": "spec.payload.encoded",
    "Blob": "spec.payload.blob",
    "Source": "spec.source",
    "Sink": "spec.sinks[]",
    "PodEndpoint": "pod (source and sink)",
    "FileSource": "spec.source.file",
    "FileSink": "spec.sinks[].file",
    "MemifEndpoint": "memif (source and sink)",
    "PeerPod": "memif.pod",
    "BridgeEndpoint": "bridge (source and sink)",
    "Delivery": "spec.sinks[].delivery",
    "Pool": "spec.pool",
}
_TYPES = {"string": "text", "integer": "integer", "boolean": "true or false", "object": "mapping", "null": ""}


def page() -> str:
    """Return the whole page."""
    whole = MediaConnection.model_json_schema(by_alias=True)
    schemas: dict[str, Any] = whole["$defs"] | {"MediaConnection": whole}
    sections = (_section(path or "The document", schemas[name]) for name, path in _PATHS.items())
    return "\n".join([_HEADING, *sections, *_formats()])


def _section(title: str, schema: dict[str, Any]) -> str:
    needed = schema.get("required", [])
    rows = [
        (name, _type(field), _default(name, field, needed), field.get("description", ""))
        for name, field in _fields(schema)
    ]
    return f"## {title}\n\n{schema['description']}\n\n" + _table(("field", "type", "default", "meaning"), rows)


def _fields(schema: dict[str, Any]) -> Iterable[tuple[str, dict[str, Any]]]:
    properties: dict[str, dict[str, Any]] = schema["properties"]
    return properties.items()


def _type(field: dict[str, Any]) -> str:
    if "$ref" in field:
        return "mapping"
    if "anyOf" in field:
        return " or ".join(filter(None, map(_type, field["anyOf"])))
    if "const" in field or "enum" in field:
        return ", ".join(f"`{word}`" for word in field.get("enum", [field.get("const")]))
    if field.get("type") == "array":
        return "list"
    return _TYPES[field["type"]] + _range(field)


def _range(field: dict[str, Any]) -> str:
    highest = field.get("maximum", field.get("exclusiveMaximum", 0) - 1)
    return f", {field['minimum']} to {highest}" if "minimum" in field else ""


def _default(name: str, field: dict[str, Any], needed: list[str]) -> str:
    default = field.get("default")
    if name in needed:
        return "needed"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default}`" if isinstance(default, str | int) and default != "" else ""


def _table(heading: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(heading)]
    lines += [["---"] * len(lines[0]), *(list(row) for row in rows)]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)


def _formats() -> Iterator[str]:
    pixels = [
        (f"`{row.name}`", row.sampling, str(row.depth), ", ".join("".join(plane.components) for plane in row.planes))
        for row in PIXEL_FORMATS.values()
    ]
    yield "## Pixel formats\n\nPlanes follow each other in the order given, each with its components in memory order.\n"
    yield _table(("name", "sampling", "bits", "planes"), pixels)
    yield "## Sample formats\n"
    yield _table(("name", "bytes"), [(f"`{row.name}`", str(row.size)) for row in SAMPLE_FORMATS.values()])
    yield "## Codecs\n"
    yield _table(("name", "medium", "FFmpeg"), [(f"`{row.name}`", row.media, row.ffmpeg) for row in CODECS.values()])


if __name__ == "__main__":
    sys.stdout.write(page())
