"""What the commands that look at the hub have in common: the hub's picture as rows and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mediamesh_native.latency import percentile

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from mediamesh_protos import hub_pb2


def add_root(parser: ArgumentParser) -> None:
    """Declare `--root`."""
    parser.add_argument("--root", help="the hub's folder (MEDIAMESH_DIR, else /run/mediamesh)")


def flow_facts(flow: hub_pb2.ObservedFlow) -> dict[str, object]:
    """Return a flow as `--json` shows it."""
    return {
        "connection": flow.connection,
        "state": flow.state,
        "reason": flow.reason,
        "message": flow.message,
        "payload": json.loads(flow.payload or "null"),
        "frames": flow.frames,
        "bytes": flow.bytes,
        "nextSequence": flow.next_sequence,
        "poolBytes": flow.pool_bytes,
        "poolFrames": flow.pool_frames,
        "poolFree": flow.pool_free,
        "sealed": flow.sealed,
        "heldBackBy": list(flow.held_back_by),
        "attachments": [attachment_facts(attachment) for attachment in flow.attachments],
    }


def attachment_facts(attachment: hub_pb2.ObservedAttachment) -> dict[str, object]:
    """Return an attachment as `--json` shows it."""
    return {
        "attachment": attachment.attachment,
        "endpoint": attachment.endpoint,
        "role": attachment.role,
        "kind": attachment.kind,
        "client": attachment.client,
        "pid": attachment.pid,
        "frames": attachment.frames,
        "bytes": attachment.bytes,
        "received": attachment.received,
        "dropped": attachment.dropped,
        "damaged": attachment.damaged,
        "occupancy": attachment.occupancy,
        "queue": attachment.queue,
        "policy": attachment.policy,
        "latencyP50Microseconds": microseconds(attachment.latency, 0.5),
        "latencyP99Microseconds": microseconds(attachment.latency, 0.99),
    }


def microseconds(histogram: object, share: float) -> float | None:
    """Return a quantile of a latency histogram in µs; None if nothing was received."""
    nanoseconds = percentile(list(histogram), share)  # type: ignore[call-overload]
    return None if nanoseconds is None else nanoseconds / 1000
