"""Frames from 64 bytes to chains of 8 megabytes, out of a hub, through a real DPDK and back; every byte is compared."""

import os
from pathlib import Path

import pytest
from mediamesh_testing.dpdk import dpdk_peer
from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.plans import flow, sink, stock
from mediamesh_testing.waiting import PATIENCE, wait_until

import mediamesh
from mediamesh_core.formats import BlobFormat, to_json
from mediamesh_protos import plan_pb2

LARGE = 8_294_400  # a frame of 3840 x 1080 at 2 bytes a pixel
CHUNK = 60_000
ROOM = 60_416  # a whole chunk in one of testpmd's buffers
LENGTHS = [64, 1500, 2049, CHUNK, CHUNK + 1, LARGE]


def there_and_back(role: str, access: str) -> list[plan_pb2.FlowPlan]:
    """Two flows of large frames with DPDK between them, which is `role` at both."""
    large = {"capacity": LARGE, "payload": to_json(BlobFormat(LARGE)), "frames": 16}
    out = stock(role, name="a.sock", access=access, chunk=CHUNK)
    back = plan_pb2.SourcePlan(name="wire", queue=4, endpoint=stock(role, name="b.sock", chunk=CHUNK))
    return [
        flow("default/a", sinks=[sink("wire", policy="block", endpoint=out)], **large),
        flow("default/b", source=back, sinks=[sink(policy="block", max_attachments=1)], **large),
    ]


def linked(hub: HubUnderTest, connection: str) -> bool:
    return any(one.kind == "memif" for one in hub.flow(connection).attachments)


@pytest.mark.parametrize(("role", "access"), [("client", "copy"), ("server", "copy"), ("server", "shared")])
def test_frames_of_every_length_come_back_unaltered(hub: HubUnderTest, free_dir: Path, role: str, access: str) -> None:
    paths = [str(hub.root / name) for name in ("a.sock", "b.sock")]
    hub.apply(*there_and_back(role, access))
    if role == "client":
        wait_until(lambda: all(Path(path).exists() for path in paths), "the sockets")
    with (
        dpdk_peer(free_dir, role, *paths, mode="io", room=ROOM) as peer,
        mediamesh.open_sink("b") as taking,
        mediamesh.open_source("a") as source,  # before it there is no pool that could be shared
    ):
        wait_until(lambda: linked(hub, "default/a") and linked(hub, "default/b"), "both ends")
        peer.ask("start")
        for length in LENGTHS:
            payload = os.urandom(length)
            source.send(payload, timeout=PATIENCE)
            with taking.receive(timeout=PATIENCE) as frame:
                assert bytes(frame) == payload, length
        assert hub.flow("default/a").sealed == (access == "copy")
