"""Wrong words, wrong descriptors and silence, at every step of attaching, beside a healthy flow."""

import random
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from faults_beset import PLAN, TARGET, all_is_well, ends, logged, new_ends, told
from faults_stage import LONG
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.plans import CAPACITY, flow
from mediamesh_testing.rawclient import RawClient
from mediamesh_testing.waiting import wait_until
from mediamesh_testing.words import ONE_OF_EACH

from mediamesh_agent.hub.memory import pool_bytes
from mediamesh_native.memif.handshake import MasterHandshake
from mediamesh_native.memif.messages import MESSAGE_SIZE, Ack, Disconnect, encode
from mediamesh_protos import attach_pb2

STEPS = {"sink": 6, "source": 8}
"""Messages that a client of each role sends after the hub has said yes, at least."""
HALF_WAY = {"sink": 6, "source": 7}
"""Messages with the last of which it serves."""
SERVING = 99
GARBAGE = [b"\0", b"\2\0", b"\x63\0".ljust(128, b"\0"), b"\xff" * 128, b"\1\0".ljust(4000, b"\0")]
WORDS = [encode(message) for message in ONE_OF_EACH if not isinstance(message, Disconnect)] + GARBAGE
MANY_FDS = 253  # SCM_MAX_FD


def come(client: RawClient, role: str, step: int, connection: str = TARGET) -> None:
    """Attach up to the point where `step` messages of the handshake are sent; SERVING is all of them."""
    assert client.request(role, connection).HasField("attached")
    client.machine = MasterHandshake(name="hostile", now=0.0, patience=1e9)
    machine = client.machine
    if step:
        client.flush()
    for _ in range(step - 1):
        if machine.connected:
            return
        client.step()


def next_word(client: RawClient, role: str) -> bytes:
    """Return what an honest client would say now; empty if it has nothing to say."""
    machine = client.machine
    assert machine is not None
    said = [data for data, _ in machine.data_to_send()]
    if not said and not (machine.connected and role == "source"):  # a sink is told of the pool when it serves
        client.listen()
        said = [data for data, _ in machine.data_to_send()]
    return b"".join(said)


@pytest.mark.parametrize("role", ["sink", "source"])
def test_a_wrong_word_at_any_step_ends_it_with_a_reason(beset: HubUnderTest, role: str) -> None:
    for step in [*range(STEPS[role]), SERVING]:
        for word in WORDS:
            before = ends(beset)
            with RawClient(beset.root) as client:
                come(client, role, step)
                if (len(word), word[:2]) == (MESSAGE_SIZE, next_word(client, role)[:2]):
                    continue
                client.say(word)
                last = client.heard_out()
                wait_until(lambda: new_ends(beset, before), f"the end of {role} after {step} and {word!r}")  # noqa: B023
                (reason,) = new_ends(beset, before)
                assert last[:2] == b"\x08\0", (step, word, reason)
                assert reason.encode() in last
                assert reason not in {"PeerGone", "PeerSilent"}
    all_is_well(beset)


def alone(hub: HubUnderTest) -> None:
    wait_until(lambda: not hub.flow(TARGET).attachments, "all others to be gone")


def test_every_way_to_leave_while_attaching_is_noticed(beset: HubUnderTest) -> None:
    for role, steps in STEPS.items():
        for step in range(steps):
            with RawClient(beset.root) as client:
                come(client, role, step)
            alone(beset)
            with RawClient(beset.root) as client:
                come(client, role, step)
                client.say(encode(Disconnect(0, "enough")))
                client.heard_out()
            alone(beset)
    all_is_well(beset)


@pytest.mark.parametrize("role", ["sink", "source"])
def test_silence_at_any_step_is_not_waited_for(beset: HubUnderTest, role: str) -> None:
    """Each is silent at another step, and in a flow of its own: who is half-way takes the place of the source."""
    names = [f"default/silent-{role}-{step}" for step in range(HALF_WAY[role])]
    beset.apply(*PLAN, *(flow(name) for name in names), revision=2)
    with ExitStack() as opened:
        clients = [opened.enter_context(RawClient(beset.root)) for _ in names]
        for step, (client, name) in enumerate(zip(clients, names, strict=True)):
            come(client, role, step, name)
        wait_until(lambda: reasons(beset, names) == dict.fromkeys(names, "PeerSilent"), "all to be sent away")
        assert all(b"PeerSilent" in client.heard_out() for client in clients)
    assert "PeerSilent" in logged(beset)
    beset.apply(*PLAN, revision=3)
    all_is_well(beset)


def reasons(hub: HubUnderTest, connections: list[str]) -> dict[str, str]:
    return {end.connection: end.reason for end in hub.observe().ended if end.connection in connections}


def test_who_was_only_slow_to_speak_is_told_to_try_again(beset: HubUnderTest) -> None:
    """A process may be stopped, or starved of CPU, between connecting and asking."""
    with RawClient(beset.root) as client:
        refusal = attach_pb2.AttachReply.FromString(client.hear()).refusal
        assert (refusal.reason, refusal.transient) == ("PeerSilent", True)


def asking(**changes: Any) -> bytes:
    request = {"api_version": 1, "connection": TARGET, "role": attach_pb2.ROLE_SINK, **changes}
    return attach_pb2.AttachRequest(**request).SerializeToString()


REQUESTS: dict[str, tuple[bytes, str]] = {
    "a zero": (b"\0", "BadRequest"),
    "no protobuf": (b"\xff" * 60, "BadRequest"),
    "no text": (b"\x12\x04\xff\xfe\xfd\xfc", "BadRequest"),
    "too long": (asking(client="x" * 5000), "BadRequest"),
    "from the future": (asking(api_version=9), "UnsupportedVersion"),
    "no role": (asking(role=attach_pb2.ROLE_UNSPECIFIED), "BadRole"),
    "nobody": (asking(connection="who"), "NoSuchConnection"),
    "the wrong end": (asking(endpoint="in"), "WrongRole"),
    "elsewhere": (asking(endpoint="there"), "NoSuchEndpoint"),
}


@pytest.mark.parametrize(("data", "reason"), REQUESTS.values(), ids=REQUESTS.keys())
def test_a_request_that_cannot_be_granted_is_refused_with_a_reason(
    beset: HubUnderTest, data: bytes, reason: str
) -> None:
    before = ends(beset)
    with RawClient(beset.root) as client:
        client.say(data)
        assert attach_pb2.AttachReply.FromString(client.hear()).refusal.reason == reason
        assert client.hear() == b""
    told(beset, before, reason)
    all_is_well(beset)


def mutated(chance: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed[: chance.randint(0, len(changed))] or b"\0")


def test_requests_of_pure_chance_hurt_nobody(beset: HubUnderTest) -> None:
    chance = random.Random(7)
    honest = asking(client="x", queue=2)
    for _ in range(3000 if LONG else 300):
        with RawClient(beset.root) as client:
            client.say(mutated(chance, honest))
            assert client.hear()
    alone(beset)
    all_is_well(beset)


@pytest.mark.parametrize("role", ["sink", "source"])
@pytest.mark.parametrize(("surplus", "reason"), [(1, b"DescriptorSurplus"), (MANY_FDS, b"DescriptorsTruncated")])
def test_descriptors_nobody_asked_for_are_not_kept(beset: HubUnderTest, role: str, surplus: int, reason: bytes) -> None:
    alone(beset)
    wait_until(lambda: beset.flow(TARGET).pool_bytes == 2 * pool_bytes(1000, CAPACITY), "the next source's pool")
    table = Path(f"/proc/{beset.process.pid}/fd")
    before = len(list(table.iterdir()))
    for step in [*range(STEPS[role]), SERVING]:
        alone(beset)
        with RawClient(beset.root) as client:
            come(client, role, step)
            word = next_word(client, role) or encode(Ack())
            socket.send_fds(client.socket, [word], [0] * surplus)
            if step == SERVING:
                assert reason in client.heard_out()
    wait_until(lambda: len(list(table.iterdir())) <= before, "the descriptors to be closed")
    all_is_well(beset)
