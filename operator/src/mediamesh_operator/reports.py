"""What an agent may say: bounds, and nothing about what is not its node's.

An agent is trusted to speak for its own node and for nothing else. Whatever it says ends in status, events and
metrics, where everybody reads it; so texts are cut, numbers are finite, and connections that its plan does not have
are left out. A report is not refused for such things: the rest of it may be true.
"""

import math
import re
from collections.abc import Collection
from typing import Final

from mediamesh_protos import agents_pb2, hub_pb2

MAX_TEXT: Final = 512
MAX_ITEMS: Final = 4096
_REASON = re.compile(r"[A-Z][A-Za-z0-9]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def within(report: agents_pb2.Report, connections: Collection[str]) -> agents_pb2.Report:
    """Return the part of `report` that is about these connections, in bounds."""
    checked = agents_pb2.Report(problem=_text(report.problem))
    if report.HasField("hub"):
        checked.hub.CopyFrom(_observed(report.hub, connections))
    for error in report.errors[:MAX_ITEMS]:
        if error.connection in connections:
            checked.errors.add(connection=error.connection, reason=_reason(error.reason), message=_text(error.message))
    return checked


def facts(hello: agents_pb2.Hello) -> agents_pb2.Hello:
    """Return what an agent says of itself, in bounds."""
    checked = agents_pb2.Hello()
    checked.CopyFrom(hello)
    checked.version, checked.facts.kernel = _text(hello.version), _text(hello.facts.kernel)
    checked.facts.sockets = _text(hello.facts.sockets)
    del checked.facts.bridges[:]
    checked.facts.bridges.extend(sorted({_text(name) for name in hello.facts.bridges})[:64])
    return checked


def _observed(hub: hub_pb2.Observed, connections: Collection[str]) -> hub_pb2.Observed:
    checked = hub_pb2.Observed()
    checked.CopyFrom(hub)
    for items in (checked.flows, checked.bridges, checked.ended):
        kept = [item for item in items[:MAX_ITEMS] if item.connection in connections]
        if len(kept) != len(items):
            del items[:]
            items.extend(kept)  # type: ignore[arg-type]  # of the same kind as were there
    checked.version = _text(hub.version)
    checked.started, checked.clock = _finite(hub.started), _finite(hub.clock)
    checked.digest = hub.digest if _DIGEST.fullmatch(hub.digest) else ""
    _cut(checked)
    return checked


def _cut(hub: hub_pb2.Observed) -> None:
    for flow in hub.flows:
        flow.reason, flow.message, flow.state = _reason(flow.reason), _text(flow.message), _reason(flow.state)
        del flow.attachments[MAX_ITEMS:]
        for attachment in flow.attachments:
            attachment.client = _text(attachment.client)
    for bridge in hub.bridges:
        bridge.last_error, bridge.state = _text(bridge.last_error), _reason(bridge.state)
    for end in hub.ended:
        end.reason, end.message, end.client = _reason(end.reason), _text(end.message), _text(end.client)
        end.time = _finite(end.time)


def _reason(text: str) -> str:
    return text if not text or _REASON.fullmatch(text) else "Unknown"


def _text(text: str) -> str:
    """Return a text for people: one line, printable, cut."""
    if text.isprintable() and len(text) <= MAX_TEXT:
        return text
    clean = "".join(character if character.isprintable() else " " for character in text[: MAX_TEXT + 1])
    return clean if len(clean) <= MAX_TEXT else clean[: MAX_TEXT - 1] + "…"


def _finite(number: float) -> float:
    return number if math.isfinite(number) else 0.0
