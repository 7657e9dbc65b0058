"""The table of reasons has the words that the code can say, and no others.

The words are found in the source: the constants of the planner, what is given to `Finding`, and what errors are raised
with. So a new reason without an entry fails here, and so does an entry that nobody says any more.
"""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mediamesh_testing.pages import ROOT

from mediamesh_core import reasons
from mediamesh_core.planner import verdicts
from mediamesh_core.states import BridgeState
from mediamesh_core.status import endpoints

CORE = ROOT / "core/src/mediamesh_core"
OPERATOR = ROOT / "operator/src/mediamesh_operator"
HUB = ROOT / "agent/src/mediamesh_agent/hub"
NATIVE = ROOT / "cython_ext/src/mediamesh_native"
WORD = re.compile(r"[A-Z][A-Za-z]+")
OF_ENDPOINTS = {verdicts.STANDBY, verdicts.NOT_READY, verdicts.NOT_MOUNTED, verdicts.NO_POD}
LOCAL = {"DuplicateConnection"}  # of files; in a cluster names are unique
OF_PLANS = {"OutOfMemory", "PoolTooLarge", "HugePagesShort", "PeerMemory", "BadPlan", "BadFolder"}


def calls(files: Iterator[Path] | list[Path], *names: str) -> Iterator[ast.Call]:
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                yield node


def text(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def first(files: Iterator[Path] | list[Path], *names: str) -> set[str]:
    """Return the words that these are called with first."""
    return {text(call.args[0]) for call in calls(files, *names) if call.args} - {""}


def named(files: list[Path], name: str) -> set[str]:
    """Return the words that are given as `reason=` to a call."""
    given = (keyword for call in calls(files, name) for keyword in call.keywords if keyword.arg == "reason")
    return {text(keyword.value) for keyword in given} - {""}


def findings(file: Path) -> tuple[set[str], set[str]]:
    """Return the words of findings: those that say that all is well, and the others."""
    found = [(text(call.args[0]), text(call.args[1])) for call in calls([file], "Finding") if text(call.args[1])]
    return {word for truth, word in found if truth == "True"}, {word for truth, word in found if truth != "True"}


def of_planner() -> set[str]:
    return {value for name, value in vars(verdicts).items() if name.isupper() and WORD.fullmatch(str(value))}


def accepted() -> set[str]:
    refused = first(CORE.glob("planner/*.py"), "UserError") | conflicts()
    return {"Accepted", "InvalidSpec"} | refused - LOCAL


def conflicts() -> set[str]:
    return first([CORE / "planner/conflicts.py"], "Claim")


def conditions() -> set[str]:
    """Everything that Programmed and Ready can say by themselves."""
    well, ill = findings(CORE / "status/conditions.py")
    return (well | ill | of_planner() | {"Failed"}) - OF_ENDPOINTS - {"Accepted"}


def endpoint_states() -> set[str]:
    constants = {value for name, value in vars(endpoints).items() if name.isupper() and isinstance(value, str)}
    places = {verdicts.NO_TRANSPORT, verdicts.NO_NODE, verdicts.NO_AGENT, verdicts.NO_MEDIA, verdicts.NO_SOURCE}
    return constants | {*BridgeState} - {BridgeState.STOPPED} | OF_ENDPOINTS | places


def nodes() -> set[str]:
    return set().union(*findings(OPERATOR / "nodes.py"))


def agents() -> set[str]:
    door = (OPERATOR / "door.py").read_text()
    unwelcome = set(
        re.findall(r'"([A-Z][A-Za-z]+)"', door[door.index("def _unwelcome") : door.index("async def _join")])
    )
    return named([*OPERATOR.glob("*.py")], "AgentRefused") | unwelcome


def attachments() -> set[str]:
    engine = set(re.findall(r'^    \d+: "([A-Z][A-Za-z]+)",$', (NATIVE / "engine.pyx").read_text(), flags=re.MULTILINE))
    sealed = set(re.findall(r'"(RegionNotSealed)"', (NATIVE / "stockrings.pyx").read_text() + stock()))
    words = first(HUB.glob("*.py"), "Refused", "AttachmentEnded")
    return engine | sealed | words - hub_words()


def stock() -> str:
    return "".join(path.read_text() for path in [*HUB.glob("stock*.py"), *NATIVE.glob("memif/*.py")])


def hub_words() -> set[str]:
    return {"OutOfMemory", "HubStopping", "BadRequest"}


def hub() -> set[str]:
    pools = set(re.findall(r'"(HugePagesShort|OutOfMemory)"', (NATIVE / "pool.pyx").read_text()))
    return first(HUB.glob("*.py"), "HubError") | hub_words() | pools


def programmed_and_ready() -> set[str]:
    return {one.name for chapter in (reasons.PROGRAMMED, reasons.READY) for one in chapter.reasons}


@pytest.mark.parametrize(
    ("chapter", "said"),
    [
        (reasons.ACCEPTED, accepted),
        (reasons.ENDPOINTS, endpoint_states),
        (reasons.NODES, nodes),
        (reasons.AGENTS, agents),
        (reasons.HUB, hub),
        (reasons.ATTACHMENTS, attachments),
    ],
    ids=lambda value: getattr(value, "title", ""),
)
def test_chapter_has_what_the_code_says(chapter: reasons.Chapter, said: Callable[[], set[str]]) -> None:
    assert {one.name for one in chapter.reasons} == {str(word) for word in said()}


def test_conditions_have_what_the_code_says() -> None:
    assert programmed_and_ready() == conditions()


def test_what_a_hub_says_of_a_plan_has_advice() -> None:
    assert all(reasons.HUB.advice(name) for name in OF_PLANS)


@pytest.mark.parametrize("chapter", reasons.CHAPTERS, ids=lambda chapter: chapter.title)
def test_each_has_a_meaning_and_stands_once(chapter: reasons.Chapter) -> None:
    assert len({one.name for one in chapter.reasons}) == len(chapter.reasons)
    for one in chapter.reasons:
        assert WORD.fullmatch(one.name)
        assert one.meaning.endswith(".")
        assert "|" not in one.meaning + one.advice
