"""Names of recordings: from a strftime template to a name that is free, and back to what a crash left behind.

A template such as `archive/cam1-%Y%m%d-%H%M%S.mkv` is filled in with the UTC time of a recording's first frame.
While it is written, a recording `NAME` is the hidden `.NAME.part` in the same folder. A taken name gets `-1`,
`-2` and so on before its suffix, so nothing is ever overwritten. What a killed recorder left behind is published
as `NAME.recovered.mkv`; `leftovers` recognises it by the template, without knowing when it was begun.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

PART = ".part"
_DIRECTIVE = re.compile(r"%[-_0^#]?[a-zA-Z%]")


def expand(template: str, utc_seconds: float) -> str:
    """Fill in a template's strftime directives; a directive can never add a folder."""
    moment = datetime.fromtimestamp(utc_seconds, UTC)

    def filled(directive: re.Match[str]) -> str:
        if directive[0] == "%s":  # strftime would take the moment for local time
            return str(int(utc_seconds))
        return moment.strftime(directive[0]).replace("/", "-")

    return _DIRECTIVE.sub(filled, template)


def split(name: str) -> tuple[str, str]:
    """Return a file name's stem and suffix (with its dot, may be empty)."""
    stem, dot, suffix = name.rpartition(".")
    return (stem, dot + suffix) if stem else (name, "")


def numbered(name: str) -> Iterator[str]:
    """Yield `name`, then with -1, -2, ... before the suffix, without end."""
    yield name
    stem, suffix = split(name)
    number = 0
    while True:
        number += 1
        yield f"{stem}-{number}{suffix}"


def part_name(name: str) -> str:
    """Return the hidden name of a recording that is being written."""
    return f".{name}{PART}"


def recovered_name(part: str) -> str:
    """Return the name under which a leftover part is published."""
    stem, suffix = split(part.removeprefix(".").removesuffix(PART))
    return f"{stem}.recovered{suffix}"


def folder_pattern(component: str) -> re.Pattern[str]:
    """Return what the names of a template's folder look like once filled in."""
    return re.compile(_fixed_and_filled(component))


def leftovers(component: str) -> re.Pattern[str]:
    """Return what the parts of a template's file look like."""
    stem, suffix = split(component)
    return re.compile(rf"\.{_fixed_and_filled(stem)}(-\d+)?{re.escape(suffix)}{re.escape(PART)}")


def _fixed_and_filled(component: str) -> str:
    fixed = _DIRECTIVE.split(component)
    filled = ["%" if directive == "%%" else ".*" for directive in _DIRECTIVE.findall(component)]
    return "".join(re.escape(text) + fill for text, fill in zip(fixed, [*filled, ""], strict=True))
