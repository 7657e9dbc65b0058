"""The lines that say what a sidecar does: `receive CONNECTION URL [NAME=VALUE]...` and `send` the same way.

One line each joins a connection to one place. Empty lines and what follows a `#` at the beginning of a word are left
out. Lines come from the author of a pod, so every mistake is answered with the line and what may stand there.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mediamesh.bridge import Role
from mediamesh_bridges.errors import BadLine
from mediamesh_bridges.sidecar.targets import Target, parse_target
from mediamesh_core.suggestions import not_one_of, shown

ROLES: dict[str, Role] = {"receive": "sink", "send": "source"}
_EVERYWHERE = ("endpoint", "token")
OPTIONS: dict[tuple[str, str], tuple[str, ...]] = {
    ("sink", "pipe"): ("as", "mode"),
    ("source", "pipe"): ("as", "mode"),
    ("sink", "rtp"): ("sdp",),
    ("source", "rtp"): ("codec",),
    ("sink", "udp"): (),
    ("source", "udp"): (),
    ("sink", "http"): (),
    ("source", "http"): (),
}
"""What a line may say besides endpoint and token."""


@dataclass(frozen=True, slots=True)
class Line:
    """One outlet (`receive`) or inlet (`send`)."""

    role: Role
    connection: str
    target: Target
    options: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        word = "receive" if self.role == "sink" else "send"
        return f"{word} {self.connection} {self.target}"


def parse_lines(texts: Iterable[str], *, any_address: bool = False) -> list[Line]:
    """Return what the lines ask for.

    Raises
    ------
    BadLine
        A line is not understood, or two lead to the same place.
    """
    lines: list[Line] = []
    taken: dict[tuple[str, ...], Line] = {}
    for text in texts:
        if words := _words(text):
            line = _parsed(text, words, any_address=any_address)
            _claim(line, taken)
            lines.append(line)
    return lines


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text, comments=True)
    except ValueError as error:
        raise BadLine(f"{shown(text)}: {error}") from None


def _parsed(text: str, words: list[str], *, any_address: bool) -> Line:
    try:
        return _line(words, any_address=any_address)
    except BadLine as error:
        raise BadLine(f"{shown(text)}: {error.message}") from None


def _line(words: list[str], *, any_address: bool) -> Line:
    if words[0] not in ROLES:
        raise BadLine(not_one_of(words[0], ROLES))
    if len(words) < 3:
        raise BadLine(f"write: {words[0]} CONNECTION URL, such as {words[0]} cam1 pipe:/media/cam1.y4m")
    role, target = ROLES[words[0]], parse_target(words[2], any_address=any_address)
    return Line(role, words[1], target, _options(words[3:], (*OPTIONS[role, target.scheme], *_EVERYWHERE)))


def _options(words: list[str], known: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if name not in known or not equals or not value:
            raise BadLine(f"{shown(word)}: behind the URL stands NAME=VALUE; NAME {not_one_of(name, known)}")
        found[name] = value
    return found


def _claim(line: Line, taken: dict[tuple[str, ...], Line]) -> None:
    for claim in line.target.claims:
        if claim in taken:
            raise BadLine(f"{str(line)!r} and {str(taken[claim])!r} lead to the same place; choose another one")
        taken[claim] = line
