"""The pages tell of what is there: links, names, reasons; and no file speaks of the machine it was written on."""

import re
from pathlib import Path

import pytest
from mediamesh_testing.pages import ROOT, anchors, links, pages, tracked_files

# Written so that this file does not contain what it looks for.
MACHINE = re.compile(r"/(?:w[o]rk|r[o]ot|h[o]me/[a-z]+)/[\w.]|\.\./sh[a]red")
AUTHORS = re.compile(
    r"(?i)cl[a]ude|anthr[o]pic|ch[a]tgpt|op[e]nai|cop[i]lot|g[e]mini|language m[o]del|ai[- ]g[e]nerated"
)
UNFINISHED = re.compile(r"\b(?:TO[D]O|FIX[M]E|XX[X])\b")
REGISTRY = re.compile(r"(?:registry|index|url) = \"https?://([^/\"]+)")
NAME_IN_CODE = re.compile(r"\[`(\w+)`\]\(([^)#]+\.(?:py|pyi|pyx|pxd|h|proto))\)")
PUBLIC = {"pypi.org", "files.pythonhosted.org"}
BINARY = {".png", ".svgz", ".ico", ".bin"}
PAGES = pages()
OPERATIONS = sorted((ROOT / "docs/operations").glob("*.md"))
KUBERNETES = {"OnDelete", "MemAvailable", "ContainerCreating"}  # words of others


def text_files() -> list[Path]:
    return [path for path in tracked_files() if path.suffix not in BINARY and "corpus" not in path.parts]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in links(page):
        name, _, fragment = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (fragment and fragment not in anchors(target)):
            broken.append(link)

    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_names_in_links_to_code_are_there(page: Path) -> None:
    named = NAME_IN_CODE.findall(page.read_text())

    assert [name for name, link in named if not re.search(rf"\b{name}\b", (page.parent / link).read_text())] == []


def test_every_page_of_the_docs_is_in_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}

    assert [page for page in PAGES if index.parent in page.parents and page not in linked and page != index] == []


@pytest.mark.parametrize("pattern", [MACHINE, AUTHORS, UNFINISHED], ids=["machine", "authors", "unfinished"])
def test_no_file_contains(pattern: re.Pattern[str]) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in text_files()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]

    assert found == []


@pytest.mark.parametrize("page", OPERATIONS, ids=lambda page: page.name)
def test_reasons_metrics_and_alerts_in_the_pages_are_in_the_code(page: Path) -> None:
    told = set(re.findall(r"`((?:[A-Z][a-z]+){2,}|mediamesh_\w+|Mediamesh\w+)`", page.read_text())) - KUBERNETES
    sources = [path for path in tracked_files() if path.suffix in {".py", ".pyx"} and "src" in path.parts]
    code = "".join(path.read_text() for path in sources)

    assert {name for name in told if f'"{name}"' not in code and f"class {name}(" not in code} == set()


def test_packages_come_from_the_public_registry() -> None:
    configured = [ROOT / "uv.lock", *(path for path in tracked_files() if path.name == "pyproject.toml")]
    hosts = {host for path in configured for host in REGISTRY.findall(path.read_text())}

    assert hosts <= PUBLIC
