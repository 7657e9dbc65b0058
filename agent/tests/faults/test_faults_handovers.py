"""A hundred hubs in a row under load, and not one frame lost, altered, repeated or marked.

The successors of the normal run are forked from one process that has everything imported (see `faults_nursery`);
`MEDIAMESH_LONG=1` starts a hundred from the command line as well.
"""

from faults_nursery import Nursery
from faults_stage import Chance, audited, repeats
from mediamesh_testing.actors import Actor, acting, source, taker, unharmed
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.plans import lossless
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


def test_so_do_successors_from_the_command_line(hub: HubUnderTest) -> None:
    wishes, chance = load(hub), Chance(hub, 2)
    with audited(hub, "default/cam", LARGE), acting(*wishes) as actors:
        for _ in repeats(4, IN_A_ROW):
            chance.moment(most=5)
            hub.succeed()
        end_of_load(hub, actors)
