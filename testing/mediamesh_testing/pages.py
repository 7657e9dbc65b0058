"""Reads the Markdown pages: code blocks with their info strings, links and headings.

Only what our own pages use is understood: fenced blocks that begin at the left margin with three backquotes, inline
links, and headings with leading number signs.
"""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = "```"
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)[^)]*\)|(?:src|href)=\"([^\"]+)\"")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: where it begins, its language, the further words after it, and its text."""

    page: Path
    line: int
    language: str
    words: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def tracked_files() -> list[Path]:
    """List all files of the repository, also those not committed yet, without what git ignores."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [path for name in sorted(set(listed.stdout.splitlines())) if (path := ROOT / name).is_file()]


def pages() -> list[Path]:
    """List all Markdown pages."""
    return [path for path in tracked_files() if path.suffix == ".md"]


def blocks(page: Path) -> list[Block]:
    """List the fenced blocks of a page, in order."""
    found: list[Block] = []
    opened: tuple[int, str] | None = None
    body: list[str] = []
    for number, line in enumerate(page.read_text().splitlines(keepends=True), 1):
        if not line.startswith(FENCE):
            body.append(line)
        elif opened is None:
            opened, body = (number, line.removeprefix(FENCE).strip()), []
        else:
            language, *words = opened[1].split() or [""]
            found.append(Block(page, opened[0], language, tuple(words), "".join(body)))
            opened = None
    if opened is not None:
        message = f"{page}:{opened[0]}: the block is never closed"
        raise ValueError(message)
    return found


def prose(page: Path) -> str:
    """Give the page without its fenced blocks and inline code."""
    kept = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", kept)


def links(page: Path) -> list[str]:
    """List the targets of the page's links and images."""
    return [inline or attribute for inline, attribute in LINK.findall(prose(page))]


def anchors(page: Path) -> set[str]:
    """List the fragments that headings of the page can be reached by, as GitHub makes them."""
    fenceless = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ +(.+?) *$", fenceless, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
