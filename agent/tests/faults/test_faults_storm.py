"""Two hundred sinks a second come and go, for five seconds or, with `MEDIAMESH_LONG=1`, a minute.

The sinks that stay lose nothing, and when it is over nothing is left. Two processes make the storm, so that its rate
is the hub's and not that of one Python.
"""

from faults_stage import LONG, audited
from mediamesh_testing.actors import acting, source, taker, unharmed
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.plans import lossless, sink
from mediamesh_testing.watching import all_taken

RATE = 200
SECONDS = 60 if LONG else 5
STORMERS = 2


def test_two_hundred_sinks_a_second_come_and_go(hub: HubUnderTest) -> None:
    endpoints = [sink("stays", policy="block", queue=8), sink("comes", policy="block", queue=2, max_attachments=16)]
    hub.apply(lossless(frames=96, sinks=endpoints))
    stormer = {"role": "restless", "endpoint": "comes", "rate": RATE / STORMERS, "rounds": RATE * SECONDS // STORMERS}
    stays = taker(endpoint="stays")
    everything = [source(pace=0.005), stays, stays, *[stormer] * STORMERS]
    with audited(hub), acting(*everything) as (feeding, first, second, *storm):
        for one in storm:
            seconds = one.says()["seconds"]
            assert not LONG or seconds < 1.1 * SECONDS, "the rate of the storm, where nothing else runs"
        feeding.end()
        all_taken(hub)
        for report in (first.end(), second.end()):
            unharmed(report)
            assert report["flagged"] == []
    assert not hub.flow().attachments
