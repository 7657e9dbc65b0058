"""Processes that stop and come back, and pools of which every frame is in somebody's hand."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from faults_stage import Chance, audited, repeats
from mediamesh_testing.actors import Actor, acting, source, taker, unharmed
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.plans import flow, sink
from mediamesh_testing.waiting import PATIENCE, wait_until
from mediamesh_testing.watching import all_taken

import mediamesh
from mediamesh_protos import hub_pb2, plan_pb2

QUEUE = 8
STRICT, TRIED = taker(endpoint="strict"), taker(endpoint="tried")


def two_endpoints(policy: str) -> plan_pb2.FlowPlan:
    """A flow with one endpoint that must have everything, and one of the policy under test."""
    strict = sink("strict", policy="block", queue=QUEUE)
    return flow(frames=96, sinks=[strict, sink("tried", policy=policy, queue=QUEUE)])


@contextmanager
def two_sinks(hub: HubUnderTest, policy: str) -> Iterator[tuple[Actor, Actor, Actor]]:
    """Run a strict sink, the one under test and a source; whatever happens, the strict one has it all."""
    hub.apply(two_endpoints(policy))
    with acting(STRICT, TRIED, source()) as (strict, tried, feeding):
        yield strict, tried, feeding
        if feeding.process.returncode is None:
            feeding.end()
        wait_until(lambda: at(hub, "strict").received == at(hub, "strict").frames, "the strict one to have all")
        report = strict.end()
    unharmed(report)
    assert report["flagged"] == []


def at(hub: HubUnderTest, endpoint: str) -> hub_pb2.ObservedAttachment:
    return next((one for one in hub.flow().attachments if one.endpoint == endpoint), hub_pb2.ObservedAttachment())


@pytest.mark.parametrize("seed", repeats(2, 10))
def test_a_stopped_sink_that_drops_wakes_up_with_the_newest(hub: HubUnderTest, seed: int) -> None:
    with two_sinks(hub, "dropOldest") as (_, tried, feeding):
        Chance(hub, seed).moment()
        with tried.stopped():
            before = at(hub, "tried").dropped
            wait_until(lambda: at(hub, "tried").dropped > before + 3 * QUEUE, "drops")
            sequence = hub.flow().next_sequence
        Chance(hub, seed).moment(most=2 * QUEUE)
        feeding.end()
        wait_until(lambda: at(hub, "tried").occupancy == 0, "it to have taken what was there")
        report = tried.end()
    too_old = sequence - QUEUE - 1
    assert report["altered"] == 0
    assert any(last < too_old < following for last, following in report["gaps"]), (sequence, report)
    assert report["last"] >= sequence


@pytest.mark.parametrize("seed", repeats(2, 10))
def test_a_stopped_sink_that_blocks_holds_the_source_and_loses_nothing(hub: HubUnderTest, seed: int) -> None:
    with two_sinks(hub, "block") as (_, tried, feeding):
        Chance(hub, seed).moment()
        with tried.stopped():
            wait_until(lambda: at(hub, "tried").occupancy == QUEUE, "its queue to be full")
            sequence = hub.flow().next_sequence
            for _ in range(50):
                assert hub.flow().next_sequence <= sequence + 1
        Chance(hub, seed).moment()
        sent = feeding.end()["sent"]
        all_taken(hub, sent)
        report = tried.end()
    unharmed(report)
    assert (report["flagged"], report["last"]) == ([], sent - 1)


@pytest.mark.parametrize("seed", repeats(2, 10))
def test_a_stopped_sink_that_must_keep_up_is_ended_and_comes_back(hub: HubUnderTest, seed: int) -> None:
    with two_sinks(hub, "disconnect") as (_, tried, _):
        Chance(hub, seed).moment()
        number = wait_until(lambda: (now := at(hub, "tried")).received and now.attachment, "it to be at work")
        with tried.stopped():  # on a busy machine it may have been too slow, and come back, before
            wait_until(lambda: at(hub, "tried").attachment == 0, "its end")
        wait_until(lambda: at(hub, "tried").attachment > number and at(hub, "tried").received, "it to be back at work")
        report = tried.end()
    assert hub.ended("SlowSink")
    assert "SlowSink" in hub.log or "fell behind" in hub.log
    assert report["altered"] == 0
    assert report["flagged"], "it is told that something is missing"
    assert all(after in report["flagged"] for _, after in report["gaps"])


@pytest.mark.parametrize("seed", repeats(1, 10))
def test_a_stopped_source_or_hub_costs_nothing_but_time(hub: HubUnderTest, seed: int) -> None:
    with two_sinks(hub, "block") as (_, tried, feeding):
        Chance(hub, seed).moment()
        with feeding.stopped():
            wait_until(lambda: at(hub, "tried").occupancy == at(hub, "strict").occupancy == 0, "all to wait for it")
        Chance(hub, seed).moment()
        hub.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, hub.process.pid, os.WSTOPPED | os.WNOWAIT)
        hub.process.send_signal(signal.SIGCONT)
        Chance(hub, seed).moment()
        sent = feeding.end()["sent"]
        all_taken(hub, sent)
        report = tried.end()
    unharmed(report)
    assert report["last"] == sent - 1


def test_a_source_that_keeps_all_its_frames_can_go_on_when_it_lets_one_go(hub: HubUnderTest) -> None:
    hub.apply(two_endpoints("block"))
    with audited(hub), mediamesh.open_source("cam") as feeding, mediamesh.open_sink("cam", endpoint="tried") as taking:
        for _ in range(3):
            held = [feeding.acquire(timeout=PATIENCE) for _ in range(4)]
            with pytest.raises(mediamesh.Timeout):
                feeding.acquire(timeout=0.02)
            sent = [frame.send() for frame in held]
            for number in sent:
                with taking.receive(timeout=PATIENCE) as frame:
                    assert frame.sequence == number


@pytest.mark.parametrize("policy", ["dropOldest", "block", "disconnect"])
def test_sinks_that_keep_all_their_frames_delay_nobody_or_only_as_long(hub: HubUnderTest, policy: str) -> None:
    """All that the plan allows is in the hands of processes that never give anything back, until they are killed."""
    hub.apply(two_endpoints(policy))
    wish = {"role": "hoarder", "endpoint": "tried", "frames": QUEUE}
    with audited(hub), acting(STRICT, *[wish] * 4, source(wait_for_sinks=5)) as (strict, *hoarders, feeding):
        for hoarder in hoarders:
            hoarder.expect("full")
        if policy != "block":
            Chance(hub, 0).moment()
        for hoarder in hoarders:
            hoarder.kill()
        Chance(hub, 0).moment()
        feeding.end()
        wait_until(lambda: at(hub, "strict").received == at(hub, "strict").frames, "the strict one to have all")
        unharmed(strict.end())
