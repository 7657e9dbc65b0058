"""Looking at a flow of a hub, whoever runs the hub."""

from typing import Protocol

from mediamesh_protos import hub_pb2
from mediamesh_testing.waiting import wait_until

CAM = "default/cam"


class Watched(Protocol):
    """A hub that can be looked at."""

    def flow(self, connection: str = ...) -> hub_pb2.ObservedFlow:
        """Return what is known of a flow."""


def all_taken(hub: Watched, least: int = 0, connection: str = CAM) -> None:
    """Wait until all that a source sent before it left is taken, and the flow has come to frame number `least`.

    A source that has left stays attached until the hub has passed on the last frame of its ring.
    """

    def taken() -> bool:
        now = hub.flow(connection)
        drained = all(one.role == "sink" and one.received >= one.frames for one in now.attachments)
        return drained and now.next_sequence >= least

    wait_until(taken, lambda: f"all frames to be taken, and {least} at least: {hub.flow(connection)}")
