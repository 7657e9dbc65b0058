"""A hundred hubs in a row under load, and not one frame lost, altered, repeated or marked; over a stock link neither.

The successors of the normal run are forked from one process that has everything imported (see `faults_nursery`);
`MEDIAMESH_LONG=1` starts a hundred from the command line as well.
"""

from faults_nursery import Nursery
from faults_stage import Chance, Footprint, audited, repeats
from mediamesh_testing.actors import Actor, acting, source, taker, unharmed
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.plans import lossless, receiving, sending
from mediamesh_testing.waiting import wait_until
from mediamesh_testing.watching import all_taken

from mediamesh_agent.hub.options import HANDED_OVER
from mediamesh_core.formats import BlobFormat, to_json

IN_A_ROW = 100
BIG = 2 << 20
LARGE = "default/large"


def load(hub: HubUnderTest) -> list[dict[str, object]]:
    """Small frames at some hundred per second, large ones at some ten, and two sinks each that must see all."""
    hub.apply(lossless(), lossless(LARGE, frames=40, capacity=BIG, payload=to_json(BlobFormat(BIG))))
    large = {"connection": LARGE}
    return [taker(), taker(), taker(**large), taker(**large), source(pace=0.003), source(pace=0.1, size=BIG, **large)]


def end_of_load(hub: HubUnderTest, actors: list[Actor]) -> None:
    for connection, feeding, takers in (("default/cam", actors[4], actors[:2]), (LARGE, actors[5], actors[2:4])):
        ended = feeding.end()
        assert ended["detached"] == 0
        all_taken(hub, connection=connection)
        sequence = hub.flow(connection).next_sequence
        for report in (one.end() for one in takers):
            unharmed(report)
            assert report["flagged"] == []
            assert (report["last"], report["counts"]) == (sequence - 1, {str(ended["pid"]): ended["sent"] - 1})


def test_a_hundred_handovers_in_a_row_lose_nothing(hub: HubUnderTest) -> None:
    wishes, chance = load(hub), Chance(hub, 1)
    with audited(hub, "default/cam", LARGE), Nursery(hub.root) as nursery, acting(*wishes) as actors:
        nursery.succeed()
        assert hub.reap() == HANDED_OVER
        for _ in range(IN_A_ROW - 2):
            chance.moment(most=5)
            nursery.succeed()
            assert nursery.await_oldest() == HANDED_OVER
        hub.succeed()
        assert nursery.await_oldest() == HANDED_OVER
        assert hub.observe().handovers == IN_A_ROW
        end_of_load(hub, actors)


def test_a_stock_link_lives_through_them_all(hub: HubUnderTest) -> None:
    hub.apply(sending("client"), receiving("server"))
    chance = Chance(hub, 3)
    with acting(taker(connection="b")) as (taking,), Nursery(hub.root) as nursery:
        wait_until(lambda: len(attached_peers(hub)) == 2, "both ends of the link")
        linked, pid = attached_peers(hub), nursery.succeed()
        assert hub.reap() == HANDED_OVER
        with acting(source(connection="a")) as (feeding,):  # a flow keeps its last pool and the next one
            chance.moment("default/b")
            sent = feeding.end()["sent"]
        before = at_rest(hub, pid)
        with acting(source(connection="a", pace=0.003)) as (feeding,):
            for _ in repeats(30, IN_A_ROW):
                chance.moment("default/b", most=5)
                pid = nursery.succeed()
                assert nursery.await_oldest() == HANDED_OVER
                assert attached_peers(hub) == linked
            sent += feeding.end()["sent"]
        wait_until(lambda: seen(hub) >= sent, lambda: f"{sent} frames: {hub.observe().flows}")
        report = taking.end()
        unharmed(report)
        assert (report["received"], report["flagged"]) == (sent, [])
        wait_until(lambda: not at_rest(hub, pid).beyond(before), lambda: at_rest(hub, pid).beyond(before))
        hub.succeed()
        assert nursery.await_oldest() == HANDED_OVER


def attached_peers(hub: HubUnderTest) -> list[int]:
    return [one.attachment for flow in hub.observe().flows for one in flow.attachments if one.kind == "memif"]


def at_rest(hub: HubUnderTest, pid: int) -> Footprint:
    """Wait until only the link and its two flows' pools are there; the flow without a source has the next one too."""
    wait_until(lambda: pools(Footprint.of(pid, hub.root)) == 3, "old pools to be given back")
    return Footprint.of(pid, hub.root)


def pools(found: Footprint) -> int:
    return sum(count for name, count in found.descriptors.items() if "mediamesh-pool" in name)


def seen(hub: HubUnderTest) -> int:
    return sum(one.received for one in hub.flow("default/b").attachments if one.role == "sink")


def test_so_do_successors_from_the_command_line(hub: HubUnderTest) -> None:
    wishes, chance = load(hub), Chance(hub, 2)
    with audited(hub, "default/cam", LARGE), acting(*wishes) as actors:
        for _ in repeats(4, IN_A_ROW):
            chance.moment(most=5)
            hub.succeed()
        end_of_load(hub, actors)
