"""The table: every legal message in every wrong state, for both roles, and what the table as a whole promises."""

from itertools import product

import pytest
from mediamesh_testing.words import CONNECT, CONNECTED, DISCONNECT, ONE_OF_EACH, S2M_RING
from memif_ends import MASTER_SAYS, SLAVE_SAYS, new_master, new_slave, said_by, tell

from mediamesh_native.memif.conversation import SENT_BY, TABLE, Role, State, after, awaits
from mediamesh_native.memif.errors import ProtocolViolation
from mediamesh_native.memif.handshake import MasterHandshake
from mediamesh_native.memif.messages import AddRegion, Disconnect, Message


@pytest.mark.parametrize(("steps", "message"), list(product(range(len(MASTER_SAYS) + 1), ONE_OF_EACH)))
def test_a_slave_takes_only_what_is_due(steps: int, message: Message) -> None:
    slave = new_slave()
    for expected in MASTER_SAYS[:steps]:
        tell(slave, expected)
        said_by(slave)
    if isinstance(message, Disconnect) or (steps < len(MASTER_SAYS) and message == MASTER_SAYS[steps]):
        tell(slave, message)
        assert slave.connected == (message == CONNECTED)
        return
    with pytest.raises(ProtocolViolation) as caught:
        tell(slave, message)
    assert caught.value.reason == "UnexpectedMessage"
    assert [type(last) for last in said_by(slave)] == [Disconnect]


@pytest.mark.parametrize(("steps", "message"), list(product(range(len(SLAVE_SAYS) + 1), ONE_OF_EACH)))
def test_a_master_takes_only_what_is_due(steps: int, message: Message) -> None:
    master = new_master()
    for expected in SLAVE_SAYS[:steps]:
        tell(master, expected)
        said_by(master)
    verdict = _outcome(master, message)
    assert verdict == _expected(steps, message)
    assert master.closed == (verdict != "Taken" or message == DISCONNECT)


def _outcome(master: MasterHandshake, message: Message) -> str:
    try:
        tell(master, message)
    except ProtocolViolation as violation:
        return violation.reason
    return "Taken"


def _expected(steps: int, message: Message) -> str:
    """Say what a master must do with `message` after so many steps of the usual course."""
    if message == DISCONNECT or message == [*SLAVE_SAYS, None][steps]:
        return "Taken"
    if isinstance(message, AddRegion):
        return {2: "RegionOutOfOrder", 5: "RegionHoldsRings"}.get(steps, "UnexpectedMessage")
    if message == S2M_RING and steps in {3, 4}:
        return "RingOutOfOrder"
    if message == CONNECT and steps == 3:
        return "UnequalRings"
    return "UnexpectedMessage"


@pytest.mark.parametrize("state", State)
def test_every_state_but_the_last_can_end(state: State) -> None:
    assert (TABLE[state].get(Disconnect) is State.CLOSED) == (state is not State.CLOSED)


def test_nothing_follows_the_end() -> None:
    assert not TABLE[State.CLOSED]


def test_every_state_is_reached_and_only_one_message_connects() -> None:
    assert {following for row in TABLE.values() for following in row.values()} | {State.OPENED} == set(State)
    from_outside = [
        (state, kind)
        for state, row in TABLE.items()
        for kind, following in row.items()
        if following is State.CONNECTED and state is not State.CONNECTED
    ]
    assert from_outside == [(State.CONNECTING, type(CONNECTED))]


@pytest.mark.parametrize("state", [state for state in State if state not in {State.CONNECTED, State.CLOSED}])
def test_until_the_link_is_up_it_is_exactly_one_sides_turn(state: State) -> None:
    assert awaits(state, Role.SLAVE) != awaits(state, Role.MASTER)


@pytest.mark.parametrize("state", [State.CONNECTED, State.CLOSED])
def test_afterwards_nobody_has_to_speak(state: State) -> None:
    assert not awaits(state, Role.SLAVE)
    assert not awaits(state, Role.MASTER)


def test_every_message_has_a_sender() -> None:
    assert set().union(*SENT_BY.values()) == {type(message) for message in ONE_OF_EACH}
    assert SENT_BY[Role.SLAVE] & SENT_BY[Role.MASTER] == {Disconnect}


@pytest.mark.parametrize(("state", "message"), list(product(State, ONE_OF_EACH)))
def test_nobody_speaks_with_the_others_voice(state: State, message: Message) -> None:
    for role in Role:
        if type(message) not in SENT_BY[role]:
            with pytest.raises(ProtocolViolation, match="UnexpectedMessage"):
                after(state, role, message)
