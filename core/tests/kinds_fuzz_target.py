"""What the fuzzer, the replay of its corpus and hypothesis do with some text: read it, and plan what can be read."""

import dataclasses
import json

from google.protobuf.json_format import ParseDict

from mediamesh_core.errors import UserError
from mediamesh_core.formats import from_json, to_json
from mediamesh_core.kinds import InvalidKinds, MediaConnection, load
from mediamesh_core.plan import NodePlan
from mediamesh_core.planner import local_node, plan_here
from mediamesh_protos import plan_pb2

LONGEST_LINE = 4096


def run(data: bytes) -> None:
    """Whatever the text is, it is refused by the one error of loading, or what it describes keeps every promise."""
    try:
        connections = load(data.decode("utf-8", "surrogateescape"), "fuzz.yaml")
    except InvalidKinds as error:
        check_refusal(error)
        return
    for connection in connections:
        check_connection(connection)
    made = planned_or_refused(connections)
    if isinstance(made, NodePlan):
        check_plan(made)
    else:
        assert made in {"DuplicateConnection", "FileConflict", "MemifConflict", "PoolTooSmall", "PoolTooLarge"}


def planned_or_refused(connections: list[MediaConnection]) -> NodePlan | str:
    """The plan, or the reason why there is none."""
    try:
        return plan_here(connections, local_node("here"))
    except UserError as error:
        return error.reason


def check_refusal(error: InvalidKinds) -> None:
    """Each problem is one short line that begins with its file."""
    assert error.problems
    for problem in error.problems:
        assert problem.startswith("fuzz.yaml:")
        assert len(problem) < LONGEST_LINE


def check_connection(connection: MediaConnection) -> None:
    """A connection is the same after it was written down, and so is its format."""
    written = json.dumps(connection.model_dump(by_alias=True, mode="json", exclude={"status"}))
    assert MediaConnection.model_validate(json.loads(written)) == connection.model_copy(update={"status": {}})
    made = connection.spec.payload.format
    assert from_json(to_json(made)) == made


def check_plan(made: NodePlan) -> None:
    """A plan travels, and its pools hold what everyone can have."""
    ParseDict(dataclasses.asdict(made), plan_pb2.NodePlan()).SerializeToString()
    for flow in made.flows:
        assert flow.frames >= 1 + flow.source.queue + sum(sink.queue * sink.max_attachments for sink in flow.sinks)
        assert flow.frames * (4096 + flow.capacity) < 2**32
