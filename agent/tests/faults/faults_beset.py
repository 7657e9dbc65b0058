"""A hub that is attacked at one flow while applications enjoy another, for all tests of a module.

Whatever is done to `target`, the flow `cam` beside it must lose nothing, honest clients of `target` itself must be
served, and each attack must be told everywhere with the same word: in the hub's log, in what it observes, in
the metrics.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from faults_stage import Chance, audited
from mediamesh_testing.actors import acting, source, taker, unharmed
from mediamesh_testing.hub import HubUnderTest, running_hub
from mediamesh_testing.plans import flow, lossless, sink
from mediamesh_testing.rawclient import RawClient
from mediamesh_testing.waiting import wait_until
from mediamesh_testing.watching import all_taken

from mediamesh_agent.ledger import Ledger
from mediamesh_native.memif.messages import Disconnect, encode

TARGET = "default/target"
OTHER = "default/other"
VICTIMS = [sink(max_attachments=200)]
PLAN = (lossless(), flow(TARGET, frames=1000, sinks=VICTIMS), flow(OTHER, frames=1000, sinks=VICTIMS))


@contextmanager
def beset_hub(root: Path) -> Iterator[HubUnderTest]:
    """Run the hub and the healthy flow; at the end nothing is missing and nothing is left."""
    with running_hub(root, "--log-json") as hub:
        hub.apply(*PLAN)
        everything = [source(pace=0.002), taker(), taker()]
        with audited(hub, "default/cam", TARGET, OTHER), acting(*everything) as (feeding, *takers):
            yield hub
            feeding.end()
            all_taken(hub)
            for report in (one.end() for one in takers):
                unharmed(report)
                assert report["flagged"] == []


def ends(hub: HubUnderTest, endpoint: str = "") -> dict[str, int]:
    """Return how many attachments of `target` have ended badly, by reason, as the metrics count them."""
    ledger = Ledger()
    ledger.update(hub.observe())
    found: dict[str, int] = {}
    for (connection, at, reason), count in ledger.ends().items():
        if connection in {TARGET, ""} and endpoint in {"", at}:
            found[reason] = found.get(reason, 0) + count
    return found


def new_ends(hub: HubUnderTest, before: dict[str, int]) -> dict[str, int]:
    """Return what has been added to `before`."""
    counts = {reason: count - before.get(reason, 0) for reason, count in ends(hub).items()}
    return {reason: count for reason, count in counts.items() if count}


def told(hub: HubUnderTest, before: dict[str, int], reason: str) -> None:
    """Wait until the hub has ended something for this reason, and find the reason in its log."""
    wait_until(lambda: new_ends(hub, before).get(reason), f"{reason}, not only {new_ends(hub, before)}")
    assert reason in logged(hub), f"{reason} is not in the log"


def logged(hub: HubUnderTest) -> set[str]:
    """Return the reasons of all lines of the hub's log."""
    lines = [json.loads(line) for line in hub.log.splitlines() if line.startswith("{")]
    return {str(line.get("reason")) for line in lines}


def all_is_well(hub: HubUnderTest) -> None:
    """The healthy flow goes on, and an honest client gets in where it is being attacked."""
    Chance(hub, 0).moment(most=5)
    with RawClient(hub.root) as honest:
        assert honest.attach("sink", TARGET).endpoint == "out"
        honest.say(encode(Disconnect(0, "done")))
        while honest.hear():  # it has left when the test goes on, and no later test counts its end
            pass
