"""The state tables: complete, without traps, and right in the stories that matter."""

import pickle
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediamesh_core import diagrams
from mediamesh_core.errors import BugError
from mediamesh_core.states import (
    ATTACHMENT,
    BRIDGE,
    FLOW,
    MACHINES,
    AttachmentEvent,
    AttachmentState,
    BridgeEvent,
    BridgeState,
    FlowEvent,
    FlowState,
    IllegalTransition,
    Machine,
)

AnyMachine = Machine[Any, Any]
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "states.md"
machines = pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)


def members(one: StrEnum) -> set[Any]:
    return set(type(one).__members__.values())


def reached(machine: AnyMachine, start: Any) -> set[Any]:
    found, left = {start}, [start]
    while left:
        for state in machine.table[left.pop()].values():
            if state not in found:
                found.add(state)
                left.append(state)
    return found


def after(machine: AnyMachine, events: Iterable[Any]) -> Any:
    state = machine.initial
    for event in events:
        state = machine.after(state, event)
    return state


@machines
def test_every_state_has_a_row_and_can_be_reached(machine: AnyMachine) -> None:
    assert set(machine.table) == members(machine.initial) == reached(machine, machine.initial)


@machines
def test_every_event_happens_somewhere(machine: AnyMachine) -> None:
    events: set[Any] = {event for row in machine.table.values() for event in row}
    assert events == members(next(iter(events)))


@machines
def test_impossible_events_are_raised_with_both_names(machine: AnyMachine) -> None:
    events = {event for row in machine.table.values() for event in row}
    for state, row in machine.table.items():
        for event in events - set(row):
            with pytest.raises(IllegalTransition, match=f"{machine.name}: '{event}' cannot happen in state '{state}'"):
                machine.after(state, event)


@machines
@given(data=st.data())
def test_any_walk_along_the_table_stays_in_it(machine: AnyMachine, data: st.DataObject) -> None:
    state = machine.initial
    for _ in range(data.draw(st.integers(0, 30))):
        if machine.table[state]:
            state = machine.after(state, data.draw(st.sampled_from(sorted(machine.table[state]))))
    assert state in machine.table


def test_illegal_transition_is_our_bug() -> None:
    with pytest.raises(BugError) as caught:
        BRIDGE.after(BridgeState.STOPPED, BridgeEvent.EXITED_OK)
    assert caught.value.reason == "IllegalTransition"
    assert pickle.loads(pickle.dumps(caught.value)).message == caught.value.message


def test_bridge_starts_again_after_a_bad_end_only() -> None:
    running = [BridgeEvent.WANTED, BridgeEvent.STARTED, BridgeEvent.ATTACHED]
    assert after(BRIDGE, running) is BridgeState.RUNNING
    assert after(BRIDGE, [*running, BridgeEvent.EXITED_BADLY]) is BridgeState.BACKOFF
    assert after(BRIDGE, [*running, BridgeEvent.EXITED_BADLY, BridgeEvent.BACKOFF_OVER]) is BridgeState.STARTING
    assert after(BRIDGE, [*running, BridgeEvent.EXITED_OK]) is BridgeState.STOPPED


def test_bridge_with_new_settings_ends_before_it_starts() -> None:
    events = [BridgeEvent.WANTED, BridgeEvent.ATTACHED, BridgeEvent.WANTED]
    assert after(BRIDGE, events) is BridgeState.REPLACING
    assert after(BRIDGE, [*events, BridgeEvent.EXITED_OK]) is BridgeState.STARTING
    assert after(BRIDGE, [*events, BridgeEvent.UNWANTED, BridgeEvent.EXITED_OK]) is BridgeState.STOPPED


@pytest.mark.parametrize("state", BridgeState)
def test_bridge_that_is_not_wanted_always_ends(state: BridgeState) -> None:
    state = BRIDGE.after(state, BridgeEvent.UNWANTED)
    if state is not BridgeState.STOPPED:
        state = BRIDGE.after(state, BridgeEvent.EXITED_BADLY)
    assert state is BridgeState.STOPPED


def test_adopted_bridge_runs() -> None:
    assert after(BRIDGE, [BridgeEvent.ADOPTED]) is BridgeState.RUNNING


def test_flow_waits_for_its_source_again_and_again() -> None:
    events = [FlowEvent.SOURCE_ATTACHED, FlowEvent.SOURCE_LEFT, FlowEvent.SOURCE_ATTACHED]
    assert after(FLOW, events) is FlowState.FLOWING


def test_failed_flow_is_tried_again_with_the_next_plan() -> None:
    assert after(FLOW, [FlowEvent.FAILED, FlowEvent.PLANNED]) is FlowState.WAITING


@pytest.mark.parametrize("state", [state for state in AttachmentState if state is not AttachmentState.ENDED])
@pytest.mark.parametrize(
    "event",
    [AttachmentEvent.VIOLATED, AttachmentEvent.TIMED_OUT, AttachmentEvent.LEFT, AttachmentEvent.WITHDRAWN],
)
def test_attachment_can_end_at_any_moment_and_once(state: AttachmentState, event: AttachmentEvent) -> None:
    assert ATTACHMENT.after(state, event) is AttachmentState.ENDED
    assert not ATTACHMENT.table[AttachmentState.ENDED]


def test_page_in_the_docs_is_drawn_from_the_tables() -> None:
    assert PAGE.read_text() == diagrams.page(), "run: python -m mediamesh_core.diagrams > docs/reference/states.md"


def test_diagram_has_every_change_and_only_those() -> None:
    drawn = diagrams.mermaid(FLOW)
    assert "    Waiting --> Flowing: source_attached\n" in drawn
    assert "Waiting --> Waiting" not in drawn
    assert "    Ended --> [*]\n" in diagrams.mermaid(ATTACHMENT)


def test_written_table_has_what_changes_nothing_too() -> None:
    assert "| Flowing | source_left: Waiting; failed: Failed; planned: Flowing |\n" in diagrams.table(FLOW)
    assert "| Ended | nothing |\n" in diagrams.table(ATTACHMENT)
