"""From a YAML text, or a Kubernetes object, to connections, or to the list of everything that is wrong with it."""

from collections.abc import Iterator
from typing import TypeVar

import yaml
from pydantic import ValidationError

from mediamesh_core.errors import UserError
from mediamesh_core.kinds.connection import MediaConnection
from mediamesh_core.kinds.documents import Document, Place, documents
from mediamesh_core.kinds.network import MediaNetwork
from mediamesh_core.kinds.problems import problems
from mediamesh_core.kinds.syntax import told
from mediamesh_core.suggestions import shown

MAX_SHOWN = 50
Kind = TypeVar("Kind", MediaConnection, MediaNetwork)


class InvalidKinds(UserError):
    """A text does not describe connections; `problems` has one line for each thing that is wrong."""

    def __init__(self, found: list[str]) -> None:
        more = [f"… and {len(found) - MAX_SHOWN} more"] if len(found) > MAX_SHOWN else []
        super().__init__("InvalidKinds", "\n".join(found[:MAX_SHOWN] + more))
        self.problems = found

    def __reduce__(self) -> tuple[type["InvalidKinds"], tuple[list[str]]]:
        return type(self), (self.problems,)


def load(text: str, source_name: str = "<text>") -> list[MediaConnection]:
    """Return the connections in a YAML text, in its order; empty documents are passed over.

    Raises
    ------
    InvalidKinds
        Lists everything that is wrong as "file:line: field: what, and what to write instead"; a field that is missing
        has the line of the mapping that it should be in.
    """
    found: list[str] = []
    connections: list[MediaConnection] = []
    for document in _read(text, source_name, found):
        try:
            connections.append(MediaConnection.model_validate(document.value))
        except ValidationError as error:
            found += [f"{source_name}:{problem}" for problem in _listed(error, document)]
    if not connections and not found:
        found.append(f"{source_name}: there is no MediaConnection in it")
    if found:
        raise InvalidKinds(found)
    return connections


def from_object(value: object) -> MediaConnection:
    """Return the connection in a Kubernetes object.

    Raises
    ------
    InvalidKinds
        Lists everything that is wrong as "field: what, and what to write instead".
    """
    return _checked(value, MediaConnection)


def network_from_object(value: object) -> MediaNetwork:
    """Return the network in a Kubernetes object; raises as `from_object` does."""
    return _checked(value, MediaNetwork)


def _checked(value: object, kind: type[Kind]) -> Kind:
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise InvalidKinds([problem for _, problem in problems(error, kind)]) from error


def _read(text: str, source_name: str, found: list[str]) -> Iterator[Document]:
    try:
        for document in documents(text):
            if document.value is not None:
                yield document
    except yaml.YAMLError as error:
        line, problem = told(error, text)
        found.append(f"{source_name}:{line}: {problem}" if line else f"{source_name}: {problem}")


def _listed(error: ValidationError, document: Document) -> Iterator[str]:
    lines = document.lines()
    if not isinstance(document.value, dict):
        yield f"{lines[()]}: {shown(document.value)} is not a MediaConnection"
        return
    for place, problem in problems(error, MediaConnection):
        yield f"{_nearest_line(place, lines)}: {problem}"


def _nearest_line(place: Place, lines: dict[Place, int]) -> int:
    """Return the line of the innermost value on the way that somebody wrote."""
    while place not in lines:
        place = place[:-1]
    return lines[place]
