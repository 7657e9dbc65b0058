"""Stock memif servers that mean harm to the hub, their client: each is left with a reason and a last word.

The mirror image of `test_hub_stock_hostile`. A hub comes to a server by itself, and after a failure later and later, so
each word has a server of its own, and what counts is the first visit to it.
"""

import itertools
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.plans import flow, sink, stock
from mediamesh_testing.rawclient import RawMaster
from mediamesh_testing.waiting import PATIENCE, wait_until
from mediamesh_testing.words import ONE_OF_EACH

from mediamesh_native.memif.errors import ProtocolViolation
from mediamesh_native.memif.handshake import MasterHandshake
from mediamesh_native.memif.messages import MESSAGE_SIZE, Disconnect, Hello, decode, encode

FLOW = "default/a"
SERVING = 7
"""A server says HELLO, five times ACK (to INIT, two regions, two rings) and CONNECTED."""
GARBAGE = [b"\0", b"\2\0", b"\x63\0".ljust(MESSAGE_SIZE, b"\0"), b"\xff" * MESSAGE_SIZE, bytes(4000)]
WORDS = [encode(message) for message in ONE_OF_EACH if not isinstance(message, Disconnect)] + GARBAGE
NOBODY_THERE = "SocketMissing"  # when it comes again
REVISIONS = itertools.count(1)


@contextmanager
def visited(hub: HubUnderTest, names: Sequence[str]) -> Iterator[list[RawMaster]]:
    """Have the hub come to a server of each name, the peer of the sink of that name; none can be found again."""
    with ExitStack() as opened:
        places = [opened.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)) for _ in names]
        for name, place in zip(names, places, strict=True):
            place.settimeout(PATIENCE)
            place.bind(str(hub.root / f"{name}.sock"))
            place.listen()
        sinks = [sink(name, endpoint=stock("server", name=f"{name}.sock")) for name in names]
        hub.apply(flow(FLOW, frames=64, sinks=sinks), revision=next(REVISIONS))
        servers = [opened.enter_context(RawMaster(place.accept()[0])) for place in places]
        for name in names:
            Path(hub.root / f"{name}.sock").unlink()
        yield servers


def come(server: RawMaster, step: int) -> bytes:
    """Say what an honest server says, `step` messages of it; return what would be due now, if anything."""
    server.machine = MasterHandshake(name="hostile", interfaces={7: b""}, now=0.0, patience=1e9)
    for _ in range(step):
        server.flush()
        if server.machine.connected:
            return b""
        server.listen()
    return b"".join(data for data, _ in server.machine.data_to_send())


def reasons(hub: HubUnderTest, name: str) -> set[str]:
    return {end.reason for end in hub.observe().ended if end.endpoint == name} - {NOBODY_THERE}


def reason_for(word: bytes) -> str:
    try:
        decode(word)
    except ProtocolViolation as violation:
        return violation.reason
    return "UnexpectedMessage"


def serves(hub: HubUnderTest, name: str) -> bool:
    return any(one.endpoint == name for one in hub.flow(FLOW).attachments)


@pytest.mark.parametrize("step", range(SERVING + 1))
def test_a_wrong_word_at_any_step_ends_it_with_a_reason(hub: HubUnderTest, step: int) -> None:
    names = [f"word-{number}" for number in range(len(WORDS))]
    with visited(hub, names) as servers:
        for name, server, word in zip(names, servers, WORDS, strict=True):
            due = come(server, step)
            assert (due == b"") == (step == SERVING)
            if due and (len(word), word[:2]) == (MESSAGE_SIZE, due[:2]):
                continue
            server.say(word)
            assert isinstance(decode(server.heard_out()), Disconnect), word
            wait_until(lambda: reasons(hub, name), f"the end of {name}")  # noqa: B023
            assert reasons(hub, name) == {reason_for(word)}
    with visited(hub, ["honest"]) as (honest,):
        come(honest, SERVING)
        wait_until(lambda: serves(hub, "honest"), "the link")


def test_a_server_may_say_goodbye_at_any_step(hub: HubUnderTest) -> None:
    names = [f"step-{step}" for step in range(SERVING + 1)]
    with visited(hub, names) as servers:
        for step, server in enumerate(servers):
            come(server, step)
            if step == SERVING:
                wait_until(lambda: serves(hub, names[SERVING]), "the link")
            server.say(encode(Disconnect(0, "enough")))
            assert (server.heard_out() == b"") == (step < SERVING)  # who is served hears a goodbye
        wait_until(lambda: not serves(hub, names[SERVING]), "its end")
        wait_until(lambda: all(reasons(hub, name) for name in names[:SERVING]), "all to be told")
    assert [reasons(hub, name) for name in names] == [{"PeerGone"}] * SERVING + [set()]
    assert all("enough" in end.message for end in hub.observe().ended if end.reason == "PeerGone")


def test_a_server_that_takes_too_little_is_left(hub: HubUnderTest) -> None:
    with visited(hub, ["small"]) as (server,):
        server.say(encode(Hello("small", max_region=0)))
        assert isinstance(decode(server.heard_out()), Disconnect)
        wait_until(lambda: reasons(hub, "small"), "its end")
        assert reasons(hub, "small") == {"PeerLimits"}
