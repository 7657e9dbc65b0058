"""What is no YAML, told in the words of somebody who looks at the line.

PyYAML speaks of tokens and blocks. Nearly always it is the indentation, a tab, or a colon in a text that is meant.
"""

import yaml
from yaml.reader import ReaderError

_INDENT = "the line is indented unlike those above it; begin all fields of a mapping in the same column"
_HINTS = {
    "but found '<block mapping start>'": _INDENT,
    "but found '<block sequence start>'": _INDENT,
    "but found '<block end>'": _INDENT,
    "but found '-'": _INDENT,
    "mapping values are not allowed here": "indent it like the fields beside it, or quote a text that has ': ' in it",
    "found character '\\t' that cannot start any token": "YAML is indented with spaces, never with tabs",
}


def told(error: yaml.YAMLError, text: str) -> tuple[int | None, str]:
    """Return the line (from 1) that `error` is about, if it is known, and what is wrong there."""
    if isinstance(error, yaml.MarkedYAMLError):
        mark, problem = error.problem_mark, error.problem or error.context or "cannot be read"
        place = f"column {mark.column + 1}: " if mark else ""
        return mark.line + 1 if mark else None, f"{place}{problem}{_hint(problem)}"
    if isinstance(error, ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return line, f"unacceptable character {text[error.position]!a}"
    return None, f"cannot be read: {error}"


def _hint(problem: str) -> str:
    return next((f"; {hint}" for part, hint in _HINTS.items() if part in problem), "")
