"""The reference pages of the kinds, written by the models, their rules and the tables of formats.

`python -m mediamesh_core.kinds.reference PAGE` prints what is kept as `docs/reference/PAGE.md`; `make generate` writes
them all, and a test fails when one differs.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from mediamesh_core.formats import CODECS, PIXEL_FORMATS, SAMPLE_FORMATS
from mediamesh_core.kinds import rules
from mediamesh_core.kinds.connection import MediaConnection
from mediamesh_core.kinds.network import MediaNetwork
from mediamesh_core.kinds.node import NodeStatus
from mediamesh_core.kinds.schema import VALIDATIONS
from mediamesh_core.kinds.status import ConnectionStatus, NetworkStatus

_HEADING = """\
# {title}

{story}
"""
_EDITED = "written by `python -m mediamesh_core.kinds.reference` from the models; do not edit by hand."
_STORIES = {
    "MediaConnection": f"""\
Every field, {_EDITED}
`mediamesh validate FILE` checks a file and names field, value and fix of everything that is wrong with it; so does the
API server, which has the rules below each table. Examples are in the folder `examples/`. Short name `mc`.
""",
    "MediaNetwork": f"""\
Every field, {_EDITED}
A network for media (SMPTE ST 2110); belongs to no namespace. Short name `mnet`.
Nothing carries frames between nodes yet: a network is checked and kept, nobody looks at it, and its status stays empty.
""",
    "MediaNode": f"""\
Every field, {_EDITED}
One for each node, written by the operator and deleted with its Node. Short name `mnode`.
""",
}
_CONNECTION = {
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
_CONNECTION_STATUS = {
    "ConnectionStatus": "status",
    "Condition": "status.conditions[]",
    "EndpointStatus": "status.endpoints[]",
}
_NETWORK = {
    "MediaNetwork": "",
    "Metadata": "metadata",
    "NetworkSpec": "spec",
    "VirtualFunctions": "spec.virtualFunctions",
    "Link": "spec.link",
    "AddressRange": "spec.addresses[]",
    "Multicast": "spec.multicast",
    "Ports": "spec.ports",
    "PayloadTypes": "spec.payloadTypes",
    "Ptp": "spec.ptp",
}
_NETWORK_STATUS = {"NetworkStatus": "status", "Condition": "status.conditions[]"}
_NODE = {
    "NodeStatus": "status",
    "Condition": "status.conditions[]",
    "HubStatus": "status.hub",
    "Interface": "status.interfaces[]",
}
_TYPES = {"string": "text", "integer": "integer", "boolean": "true or false", "object": "mapping", "null": ""}


def page(title: str) -> str:
    """Return the page of a kind."""
    heading = _HEADING.format(title=title, story=_STORIES[title])
    return "\n".join([heading, *_PAGES[title]()])


def _connection() -> Iterator[str]:
    yield from _sections(MediaConnection, _CONNECTION)
    yield from _sections(ConnectionStatus, _CONNECTION_STATUS)
    yield from _formats()


def _network() -> Iterator[str]:
    yield from _sections(MediaNetwork, _NETWORK)
    yield from _sections(NetworkStatus, _NETWORK_STATUS)


def _node() -> Iterator[str]:
    yield from _sections(NodeStatus, _NODE)


_PAGES = {"MediaConnection": _connection, "MediaNetwork": _network, "MediaNode": _node}


def _sections(model: type[BaseModel], paths: Mapping[str, str]) -> Iterator[str]:
    whole = model.model_json_schema(by_alias=True)
    schemas: dict[str, Any] = whole["$defs"] | {model.__name__: whole}
    for name, path in paths.items():
        yield _section(path or "The document", schemas[name]) + _refusals(name, schemas[name])


def _refusals(name: str, schema: Mapping[str, Any]) -> str:
    """Write what the API server says of the whole, and of single texts in it."""
    told = [rule.message for rule in rules.RULES.get(name, ())]
    for field, inner in _fields(schema):
        told += [f"`{field}`: {message}" for message in _messages(inner)]
    found = "".join(f"- {message}\n" for message in told)
    return f"\nIt is refused with:\n\n{found}" if found else ""


def _messages(field: Mapping[str, Any]) -> Iterator[str]:
    yield from (rule["message"] for rule in field.get(VALIDATIONS, ()))
    for inner in field.get("anyOf", ()):
        yield from _messages(inner)


def _section(title: str, schema: dict[str, Any]) -> str:
    needed = schema.get("required", [])
    rows = [
        (name, _type(field), _default(name, field, needed), field.get("description", ""))
        for name, field in _fields(schema)
    ]
    return f"## {title}\n\n{schema['description']}\n\n" + _table(("field", "type", "default", "meaning"), rows)


def _fields(schema: Mapping[str, Any]) -> Iterable[tuple[str, dict[str, Any]]]:
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
    return f", {field['minimum']} to {field['maximum']}" if "minimum" in field else ""


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
    parser = argparse.ArgumentParser(prog="python -m mediamesh_core.kinds.reference", description="Print a page.")
    parser.add_argument("page", choices=[title.lower() for title in _PAGES])
    wanted = parser.parse_args().page
    sys.stdout.write(page(next(title for title in _PAGES if title.lower() == wanted)))
