"""The harness: its table, its turns, its files and its page. No statement about time."""

import json
from pathlib import Path
from typing import Any

import pytest
from bench import page
from bench.__main__ import main
from bench.actor import Actor, ActorFailed, company
from bench.calm import Calm
from bench.machine import describe
from bench.outcome import Outcome, Record, read_all
from bench.registry import CASES
from bench.sharedmemory import own_prefix
from bench.table import row
from bench.turns import in_turns, percentile, spread

ROWS_OF_THE_TARGETS = {
    "hub-cpu",
    "uhd-fan-out",
    "copying-fan-out",
    "latency",
    "latency-polling",
    "small-frames",
    "dpdk",
    "stalled-sink",
    "attach",
    "import",
    "plan-10000",
    "operator-scale",
    "operator-change",
    "cluster-ready",
    "cluster-first-frame",
    "cluster-rest",
}
FIELDS = {"name", "value", "unit", "target", "holds", "peer", "peer_value", "command", "machine"}


def record(name: str = "a-case", *, holds: bool | None = True) -> Record:
    outcome = Outcome(1.5, "µs", holds, "1.5 µs", "the speed of light", peer="nobody", peer_value=2.0)
    load = {"rounds": 3, "rounds_while_others_worked": 1}
    return Record(name, "something", "≤ 2 µs", "make bench", describe(), "2026-01-01", 1.0, load, outcome)


def test_every_target_has_its_case_once() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names))
    assert set(names) >= ROWS_OF_THE_TARGETS
    assert all(case.what and case.target for case in CASES)


def test_a_result_has_its_fields_and_is_read_again(tmp_path: Path) -> None:
    written = json.loads(record().write(tmp_path / "results").read_text())
    assert written.keys() >= FIELDS
    assert written["machine"].keys() >= {"cpu", "cpus", "kernel", "python"}
    assert read_all(tmp_path / "results") == {"a-case": written}


@pytest.mark.parametrize(("holds", "word"), [(True, "holds"), (False, "FAILS"), (None, "reported")])
def test_a_row_says_what_came_out_and_what_disturbed_it(holds: bool | None, word: str) -> None:
    text = row(record(holds=holds).as_dict())
    assert word in text
    assert "1 of 3 rounds" in text


def test_the_page_has_every_result_and_no_name_of_the_machine() -> None:
    import platform

    text = page.render([record("first").as_dict(), record("second", holds=False).as_dict()])
    assert "`first`" in text
    assert "`second`" in text
    assert "**no**" in text
    assert platform.node() not in text.split("## Machine")[1].split("##")[0].split()


def test_turns_alternate_and_all_get_as_many() -> None:
    order: list[str] = []

    def turn(name: str) -> int:
        order.append(name)
        return len(order)

    results = in_turns(3, {"a": lambda: turn("a"), "b": lambda: turn("b")}, Calm(patience=0))
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert results == {"a": [1, 4, 5], "b": [2, 3, 6]}


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.0, 1)])
def test_a_percentile_is_a_sample(share: float, expected: int) -> None:
    assert percentile(list(range(100, 0, -1)), share) == expected


def test_a_spread_names_its_ends() -> None:
    assert spread([3.0, 1.0, 2.0]) == {"min": 1.0, "median": 2.0, "max": 3.0}


def test_calm_counts_the_rounds() -> None:
    calm = Calm(patience=0)
    calm.wait()
    report = calm.report()
    assert report["rounds"] == 1
    assert 0 <= report["steal_share"] <= 1


def test_an_actor_obeys_until_it_is_closed() -> None:
    with company(actor := Actor("waker", {"events": []})):
        assert actor.ask("wake", count=2, rate=1000.0) >= 0


def test_an_actor_that_dies_is_noticed() -> None:
    actor = Actor("waker", {})  # lacks what it needs
    with pytest.raises(ActorFailed, match="waker has died"), company(actor):
        pass


def test_the_list_names_every_case(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    listed = capsys.readouterr().out
    assert all(case.name in listed for case in CASES)


def test_an_unknown_name_is_told_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["latncy"])
    assert "latency" in capsys.readouterr().err


def test_a_case_that_breaks_fails_the_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from bench import __main__ as program
    from bench.registry import Case

    def broken(_: Any) -> Outcome:
        raise RuntimeError("on purpose")

    monkeypatch.setattr(program, "CASES", (Case("broken", "", "", broken),))
    assert main(["broken"]) == 1
    output = capsys.readouterr()
    assert "BROKE" in output.out
    assert "on purpose" in output.err


def test_shared_memory_of_a_peer_is_swept_and_nobody_elses(tmp_path: Path) -> None:
    (tmp_path / "iox2_of_somebody").touch()
    with own_prefix(tmp_path) as prefix:
        (tmp_path / f"{prefix}node.global_mgmt").touch()
    assert [path.name for path in tmp_path.iterdir()] == ["iox2_of_somebody"]
