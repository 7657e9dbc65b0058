import asyncio

import pytest
from mediamesh_testing.waiting import eventually

from mediamesh_operator.errors import ApiForbidden, ApiUnreachable, ObjectMissing
from mediamesh_operator.metrics import Metrics
from mediamesh_operator.writers import AT_ONCE, Writer


class Desk:
    """Something to write with: fails as often as it is told to."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.writer = Writer("Thing", self.write, self.metrics.writes)
        self.failures: list[Exception] = []
        self.written: list[str] = []
        self.busy = self.most = 0
        self.changed = True

    async def write(self, name: str) -> bool:
        self.busy += 1
        self.most = max(self.most, self.busy)
        await asyncio.sleep(0)
        self.busy -= 1
        if self.failures:
            raise self.failures.pop(0)
        self.written.append(name)
        return self.changed

    def count(self, result: str) -> float:
        labels = {"kind": "Thing", "result": result}
        return self.metrics.registry.get_sample_value("mediamesh_operator_reconcile_total", labels) or 0


def played(desk: Desk, names: list[str], until: int) -> None:
    async def scene() -> None:
        running = asyncio.create_task(desk.writer.run())
        for name in names:
            desk.writer.look(name)
        await eventually(lambda: len(desk.written) == until and len(desk.writer) == 0)
        running.cancel()
        await asyncio.wait([running])

    asyncio.run(scene())


def desk() -> Desk:
    async def made() -> Desk:
        return Desk()

    return asyncio.run(made())


def test_a_crowd_is_written_some_at_once() -> None:
    it = desk()
    played(it, [f"name-{number % 50}" for number in range(200)], 50)
    assert it.most == AT_ONCE
    assert it.count("written") == 50


def test_what_is_as_it_should_be_is_not_counted() -> None:
    it = desk()
    it.changed = False
    played(it, ["one"], 1)
    assert it.count("written") == 0


def test_what_fails_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    it = desk()
    it.failures = [ApiUnreachable("away"), ApiForbidden("no")]
    played(it, ["one"], 1)
    assert (it.count("ApiUnreachable"), it.count("ApiForbidden"), it.count("written")) == (1, 1, 1)
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_an_error_of_ours_costs_one_object_and_no_other(caplog: pytest.LogCaptureFixture) -> None:
    it = desk()
    it.failures = [ValueError("a bug")]
    played(it, ["one", "two", "three"], 3)
    assert (it.count("Bug"), it.count("written")) == (1, 3)
    assert "a bug" in caplog.text


def test_what_is_gone_is_let_go() -> None:
    it = desk()
    it.failures = [ObjectMissing("404")]
    played(it, ["gone", "other"], 1)
