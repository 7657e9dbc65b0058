"""From a YAML text to connections, or to the list of everything that is wrong with it."""

from collections.abc import Iterator

import yaml
from pydantic import ValidationError

from mediamesh_core.errors import UserError
from mediamesh_core.kinds.connection import MediaConnection
from mediamesh_core.kinds.documents import documents
from mediamesh_core.kinds.problems import problems
from mediamesh_core.suggestions import shown

MAX_SHOWN = 50


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
        Lists everything that is wrong as "file:document: field: what, and what to write instead",
        documents being counted from 1.
    """
    found: list[str] = []
    connections: list[MediaConnection] = []
    for number, document in _numbered(text, source_name, found):
        try:
            connections.append(MediaConnection.model_validate(document))
        except ValidationError as error:
            found += [f"{source_name}:{number}: {problem}" for problem in _listed(error, document)]
    if not connections and not found:
        found.append(f"{source_name}: there is no MediaConnection in it")
    if found:
        raise InvalidKinds(found)
    return connections


def _numbered(text: str, source_name: str, found: list[str]) -> Iterator[tuple[int, object]]:
    number = 0
    try:
        for number, document in enumerate(documents(text), 1):
            if document is not None:
                yield number, document
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        found.append(f"{source_name}:{number + 1}: {place}{error.problem or error.context}")
    except (yaml.YAMLError, ValueError) as error:
        found.append(f"{source_name}:{number + 1}: cannot be read: {error}")


def _listed(error: ValidationError, document: object) -> Iterator[str]:
    if not isinstance(document, dict):
        yield f"{shown(document)} is not a MediaConnection"
    else:
        yield from problems(error, MediaConnection)
