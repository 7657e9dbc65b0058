"""Prints the reference page of the reasons."""

import sys
from collections.abc import Iterator

from mediamesh_core.reasons import CHAPTERS, Chapter

_HEAD = """# Reasons

<!-- Written by `python -m mediamesh_core.reasons`; do not edit. -->

A reason is one word that never changes. It is the same in conditions, events, logs, metrics and in the SDK's
exceptions. [Troubleshooting](troubleshooting.md) begins with what you see.
"""


def page() -> str:
    """Return the page in Markdown."""
    return "\n".join([_HEAD, *(line for chapter in CHAPTERS for line in _chapter(chapter))])


def _chapter(chapter: Chapter) -> Iterator[str]:
    yield f"## {chapter.title}\n\n{chapter.where}\n"
    yield "| reason | meaning | what to do |"
    yield "| --- | --- | --- |"
    yield from (f"| `{one.name}` | {one.meaning} | {one.advice} |" for one in chapter.reasons)
    yield ""


if __name__ == "__main__":
    sys.stdout.write(page())
