from io import StringIO
from pathlib import Path

from agent_observations import FILM, attachment, histogram, observed
from agent_scenes import knowing

from mediamesh_agent.console import Console, rows
from mediamesh_protos import hub_pb2


def test_the_status_has_a_line_per_part_with_the_numbers_that_keys_use(tmp_path: Path) -> None:
    sink = attachment(1, "checker", 5, dropped=3, latency=histogram(b1=5))
    picture = knowing(tmp_path, observed(sink, clock=1, frames=5)).picture()
    lines = list(rows(picture))
    assert lines[0].startswith("hub        pid 77")
    assert lines[1].startswith(f"{FILM}  Flowing  1280x720 yuv420p 25p")
    assert [line.split()[0] for line in lines[2:]] == ["1", "2", "3"]
    assert "3 dropped" in lines[3]


def test_a_terminal_is_drawn_over(tmp_path: Path) -> None:
    out = StringIO()
    console = Console(out, live=True)
    picture = knowing(tmp_path, observed(clock=1)).picture()
    console.show(picture, {})
    console.show(picture, {})
    assert out.getvalue().count("\x1b[5F\x1b[J") == 1
    console.say("the end")
    assert out.getvalue().endswith("\x1b[5F\x1b[Jthe end\n")


def test_elsewhere_only_changes_are_said(tmp_path: Path) -> None:
    out = StringIO()
    console = Console(out, live=False)
    agent = knowing(tmp_path, observed(attachment(1, "checker", 5), clock=1, frames=5))
    console.show(agent.picture(), {})
    said = out.getvalue()
    assert f"{FILM} checker: Idle\n" in said
    assert "hub: pid 77\n" in said
    console.show(agent.picture(), {})
    assert out.getvalue() == said
    agent.facts.observed = None
    console.show(agent.picture(), {})
    assert out.getvalue().removeprefix(said).splitlines()[:2] == ["hub: not running", f"{FILM} checker: Waiting"]


def test_a_hub_that_was_never_there_is_starting(tmp_path: Path) -> None:
    for live in (True, False):
        out = StringIO()
        agent = knowing(tmp_path, observed(clock=1))
        here, agent.facts.observed = agent.facts.observed, None
        console = Console(out, live=live)
        console.show(agent.picture(), {})
        assert "starting" in out.getvalue()
        assert "not running" not in out.getvalue()
        agent.facts.observed = here
        console.show(agent.picture(), {})
        agent.facts.observed = None
        console.show(agent.picture(), {})
        assert "not running" in out.getvalue()


def test_a_bridge_in_trouble_says_why(tmp_path: Path) -> None:
    bridge = hub_pb2.ObservedBridge(
        connection=FILM, endpoint="film", bridge="file", state="Backoff", last_error="no such file:\nfilm.mp4"
    )
    picture = knowing(tmp_path, observed(bridges=[bridge], clock=1)).picture()
    (line,) = (row for row in rows(picture) if " film " in row)
    assert line.endswith("  (no such file: film.mp4)")
    out = StringIO()
    Console(out, live=False).show(picture, {})
    assert f"{FILM} film: Backoff  (no such file: film.mp4)\n" in out.getvalue()


def test_a_source_that_is_held_back_says_by_whom(tmp_path: Path) -> None:
    source = attachment(1, "film", 5, role="source")
    picture = knowing(tmp_path, observed(source, clock=1, frames=5, held_back_by=["checker"])).picture()
    (line,) = (row for row in rows(picture) if " film " in row)
    assert " HeldBack " in line
    assert line.endswith("  (held back by checker)")


def test_problems_are_said_when_they_come_and_when_they_are_over(tmp_path: Path) -> None:
    for live in (True, False):
        out = StringIO()
        console = Console(out, live=live)
        picture = knowing(tmp_path, observed(clock=1)).picture()
        console.show(picture, {"plan": "a.yaml: what is that"})
        console.show(picture, {"plan": "a.yaml: what is that"})
        console.show(picture, {})
        assert out.getvalue().count("problem with plan: a.yaml: what is that\n") == 1
        assert out.getvalue().count("problem with plan: is over\n") == 1


class ClosedTerminal(StringIO):
    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")


def test_a_terminal_that_was_closed_is_noticed_and_does_no_harm(tmp_path: Path) -> None:
    for live in (True, False):
        console = Console(ClosedTerminal(), live=live)
        console.show(knowing(tmp_path, observed(clock=1)).picture(), {"plan": "wrong"})
        console.say("the end")
        assert console.gone
