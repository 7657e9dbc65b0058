"""`kill -9` of everything that has a pid, at random moments under load. Who is left loses nothing."""

import contextlib
import os
import signal

import pytest
from faults_stage import Chance, audited, recording, repeats
from mediamesh_testing.actors import acting, source, taker, unharmed
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.plans import lossless, sink
from mediamesh_testing.waiting import wait_until
from mediamesh_testing.watching import all_taken


@pytest.mark.parametrize("seed", repeats(2, 12))
def test_a_killed_sink_costs_the_others_nothing(hub: HubUnderTest, seed: int) -> None:
    hub.apply(lossless())
    chance = Chance(hub, seed)
    with audited(hub), acting(taker(), taker(), source(pace=0.0005)) as (first, second, feeding):
        for _ in range(4):
            with acting(taker()) as (victim,):
                chance.moment()
                victim.kill()
            wait_until(lambda: len(hub.flow().attachments) == 3, "its end to be noticed")
        sent = feeding.end()["sent"]
        all_taken(hub, sent)
        for report in (first.end(), second.end()):
            unharmed(report)
            assert report["flagged"] == []


@pytest.mark.parametrize("seed", repeats(2, 12))
def test_what_a_killed_source_has_sent_arrives_and_the_next_one_goes_on(hub: HubUnderTest, seed: int) -> None:
    hub.apply(lossless())
    chance = Chance(hub, seed)
    with audited(hub), acting(taker(), taker()) as takers:
        for _ in range(4):
            with acting(source(pace=0.0005)) as (victim,):
                chance.moment()
                victim.kill()
            wait_until(lambda: hub.flow().state == "Waiting", "its end to be noticed")
        all_taken(hub)
        for report in (one.end() for one in takers):
            unharmed(report)
            assert len(report["sources"]) == 4
            assert len(report["flagged"]) in {3, 4}, "one for each change of source"


@pytest.mark.parametrize("seed", repeats(3, 20))
def test_a_killed_hub_costs_one_flagged_discontinuity(hub: HubUnderTest, seed: int) -> None:
    hub.apply(lossless())
    chance = Chance(hub, seed)
    with audited(hub), acting(taker(), taker(), source(wait_for_sinks=2)) as (first, second, feeding):
        chance.moment(most=120)
        hub.kill()
        hub.restart()
        wait_until(lambda: len(hub.flow().attachments) == 3, "everybody to come back")
        chance.moment()
        ended = feeding.end()
        all_taken(hub)
        for report in (first.end(), second.end()):
            assert report["altered"] == 0
            assert len(report["flagged"]) == 1, report
            assert len(report["sources"]) == 1
            assert all(after in report["flagged"] for _, after in report["gaps"]), "a gap is never silent"
            assert report["received"] + report["lost"] == ended["sent"]


@pytest.mark.parametrize("seed", repeats(1, 8))
def test_a_killed_hub_again_and_again(hub: HubUnderTest, seed: int) -> None:
    """Faster than clients and plan can settle: at random moments of their coming back."""
    hub.apply(lossless())
    chance = Chance(hub, seed)
    with audited(hub), acting(taker(), source(wait_for_sinks=1)) as (taking, feeding):
        chance.moment()
        for _ in range(4):
            hub.kill()
            hub.restart()
            for _ in range(chance.random.randrange(4)):
                hub.observe()
        wait_until(lambda: len(hub.flow().attachments) == 2, "everybody to come back")
        chance.moment()
        feeding.end()
        all_taken(hub)
        report = taking.end()
    assert report["altered"] == 0
    assert 1 <= len(report["flagged"]) <= 4
    assert all(after in report["flagged"] for _, after in report["gaps"])


@pytest.mark.parametrize("seed", repeats(1, 8))
def test_a_killed_bridge_comes_back_and_costs_the_others_nothing(hub: HubUnderTest, seed: int) -> None:
    out, chance = sink(policy="block", queue=8, max_attachments=4), Chance(hub, seed)
    hub.apply(lossless(sinks=[out]))
    with audited(hub), recording(hub, out), acting(taker(endpoint="out"), source(pace=0.002)) as (taking, feeding):
        for killed in range(2):
            wait_until(lambda: _attached(hub, "record"), "the recorder")
            chance.moment()
            pid = hub.observe().bridges[0].pid
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda: hub.observe().bridges[0].restarts > killed, "its restart")  # noqa: B023
        wait_until(lambda: _attached(hub, "record"), "the recorder")
        all_taken(hub, feeding.end()["sent"] + 1)  # and the rehearsal
        report = taking.end()
    unharmed(report)
    assert report["flagged"] == []


def _attached(hub: HubUnderTest, endpoint: str) -> bool:
    return any(one.endpoint == endpoint for one in hub.flow().attachments)
