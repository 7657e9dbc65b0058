"""The committed message classes are what the .proto files give, and their fields keep their promises."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from mediamesh_protos import attach_pb2, hub_pb2, plan_pb2

GENERATE = Path(__file__).parents[1] / "generate.py"
FILES = (attach_pb2, hub_pb2, plan_pb2)


def test_generated_files_are_current() -> None:
    done = subprocess.run([sys.executable, GENERATE, "--check"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("module", FILES, ids=lambda module: module.__name__)
def test_every_enum_begins_with_unspecified(module: ModuleType) -> None:
    for enum in module.DESCRIPTOR.enum_types_by_name.values():
        assert enum.values_by_number[0].name.endswith("_UNSPECIFIED")


@pytest.mark.parametrize("request_name", ["apply", "observe", "shutdown", "restart", "handover"])
def test_hub_requests_survive_the_wire(request_name: str) -> None:
    request = hub_pb2.HubRequest()
    getattr(request, request_name).SetInParent()

    assert hub_pb2.HubRequest.FromString(request.SerializeToString()).WhichOneof("request") == request_name


def test_plan_survives_the_wire() -> None:
    plan = plan_pb2.NodePlan(
        node="a",
        revision=7,
        flows=[
            plan_pb2.FlowPlan(
                connection="studio/cam1",
                capacity=1 << 40,
                source=plan_pb2.SourcePlan(name="camera", queue=4),
                sinks=[plan_pb2.SinkPlan(name="wall", policy="dropOldest", queue=4, max_attachments=16)],
            )
        ],
    )

    assert plan_pb2.NodePlan.FromString(plan.SerializeToString()) == plan


def test_unknown_fields_of_a_newer_peer_are_kept() -> None:
    newer = attach_pb2.AttachRequest(connection="cam1").SerializeToString() + b"\xf8\x07\x01"  # field 127 = 1

    assert attach_pb2.AttachRequest.FromString(newer).SerializeToString() == newer
