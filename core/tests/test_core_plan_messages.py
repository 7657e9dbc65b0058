"""The plan's classes and the messages of plan.proto are the same thing."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from mediamesh_core import plan as plans
from mediamesh_core.kinds import load
from mediamesh_core.planner import local_node, plan_here
from mediamesh_protos import plan_pb2

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
CLASSES = [plans.NodePlan, plans.FlowPlan, plans.SourcePlan, plans.SinkPlan, plans.EndpointPlan, plans.MemifPlan]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_fields_are_the_messages(kind: type[Any]) -> None:
    message = plan_pb2.DESCRIPTOR.message_types_by_name[kind.__name__]
    assert [field.name for field in dataclasses.fields(kind)] == [field.name for field in message.fields]


def test_every_message_has_a_class() -> None:
    assert set(plan_pb2.DESCRIPTOR.message_types_by_name) == {kind.__name__ for kind in CLASSES}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_plan_travels_whole(path: Path) -> None:
    made = dataclasses.asdict(plan_here(load(path.read_text()), local_node("here")))
    message = plan_pb2.NodePlan(**made)
    again = plan_pb2.NodePlan.FromString(message.SerializeToString())
    shown = MessageToDict(again, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    assert without_nothing(shown) == without_nothing(made)


def without_nothing(value: Any) -> Any:
    """Drop absent messages, turn tuples into lists, and 64-bit numbers (texts in JSON) into numbers."""
    if isinstance(value, dict):
        numbers = {name: int(value[name]) for name in ("revision", "capacity") if name in value}
        return {name: without_nothing(inner) for name, inner in (value | numbers).items() if inner is not None}
    if isinstance(value, (list, tuple)):
        return [without_nothing(inner) for inner in value]
    return value
