"""The JSON that the page draws: the picture, with what may be done to each part."""

import dataclasses
import socket

from mediamesh_agent.local import LocalAgent
from mediamesh_agent.parts import actions
from mediamesh_agent.picture import FlowPicture, Part
from mediamesh_core.formats import VideoFormat, from_json, label

PREVIEW_SINK = "page"
"""A pod sink of this name is the page's own: it shows the frames that come there."""


def state(agent: LocalAgent) -> dict[str, object]:
    """Return everything the page shows."""
    picture = agent.picture()
    return {
        "node": socket.gethostname(),
        "hub": dataclasses.asdict(picture.hub) if picture.hub else None,
        "hub_starts": agent.facts.hub_starts,
        "problems": agent.facts.problems,
        "flows": [_flow(agent, flow) for flow in picture.flows],
        "ended": _ends(agent),
    }


def _flow(agent: LocalAgent, flow: FlowPicture) -> dict[str, object]:
    payload = from_json(flow.payload)
    pictured = isinstance(payload, VideoFormat)
    return {
        **dataclasses.asdict(flow),
        "label": label(payload),
        "source": _part(agent, flow.source, preview=False),
        "sinks": [_part(agent, sink, preview=pictured and sink.endpoint == PREVIEW_SINK) for sink in flow.sinks],
    }


def _part(agent: LocalAgent, part: Part, *, preview: bool) -> dict[str, object]:
    more = {"label": part_label(part), "actions": actions(agent, part), "preview": preview}
    return {**dataclasses.asdict(part), **more}


def _ends(agent: LocalAgent) -> list[dict[str, object]]:
    observed = agent.facts.observed
    if observed is None:
        return []
    names = ("connection", "endpoint", "client", "reason", "message", "time", "count")
    return [{name: getattr(end, name) for name in names} for end in observed.ended]


def part_label(part: Part) -> str:
    """Return what a part is, in a few words: "file bridge, pid 4711"."""
    words = [f"{part.client} bridge" if part.kind == "bridge" else part.client or part.kind]
    words += [part.policy] if part.policy else []
    words += [f"pid {' '.join(map(str, part.pids))}"] if part.pids else []
    words += [f"{part.attachments} attached"] if part.attachments > 1 else []
    return ", ".join(words)
