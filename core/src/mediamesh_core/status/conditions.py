"""Conditions: what is so, why, and since when."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from mediamesh_core.kinds.status import MAX_MESSAGE, Condition
from mediamesh_core.planner.verdicts import NO_AGENT, NO_SOURCE, Verdict
from mediamesh_core.states import BridgeState, FlowState
from mediamesh_core.status.observation import Observation

Truth = Literal["True", "False", "Unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A condition without its history."""

    status: Truth
    reason: str
    message: str = ""


_NOT_SAID = Finding("Unknown", "NotReported", "the node has not said anything about it yet")
_RIGHT = Finding("True", "Accepted", "it is right, and conflicts with no other")
_IN_FORCE = Finding("True", "Programmed", "the node runs it")
_FLOWS = Finding("True", "Flowing", "the source is attached, frames flow")


def condition(kind: str, finding: Finding, before: Condition | None, *, generation: int, now: datetime) -> Condition:
    """Return a condition; the time of its last transition is that of before unless its status has changed."""
    since = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Condition(
        type=kind,
        status=finding.status,
        reason=finding.reason,
        message=cut(finding.message),
        last_transition_time=before.last_transition_time if before and before.status == finding.status else since,
        observed_generation=generation,
    )


def cut(message: str) -> str:
    """Return as much of a message as a status can hold."""
    return message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…"


def accepted(verdict: Verdict) -> Finding:
    """Say whether the connection is right."""
    return _RIGHT if verdict.accepted else Finding("False", verdict.reason, verdict.message)


def programmed(verdict: Verdict, seen: Observation | None, before: Finding | None) -> Finding:
    """Say whether the node runs it; `before` is what was said of this generation on this node."""
    if _hinders(verdict, seen):
        unknown = verdict.accepted and verdict.reason == NO_AGENT and verdict.node
        return Finding("Unknown" if unknown else "False", verdict.reason, verdict.message)
    if seen is None:
        return before or _NOT_SAID
    if seen.problem:
        return Finding("False", "PlanNotInForce", f"node {verdict.node}: {seen.problem}")
    if seen.reason:
        return Finding("False", seen.reason, seen.message)
    if not seen.in_force:
        kept = before is not None and before.status == "True"
        return _IN_FORCE if kept else Finding("False", "Pending", f"node {verdict.node} has been told and is at it")
    return _IN_FORCE


def _hinders(verdict: Verdict, seen: Observation | None) -> bool:
    """Whether the planner's word stands; a source that is not ready and yet attached needs no other."""
    attached = verdict.reason == NO_SOURCE and seen is not None and seen.flowing
    return not verdict.accepted or (not verdict.programmable and not attached)


def ready(whole: Finding, verdict: Verdict, seen: Observation | None, before: Finding | None) -> Finding:
    """Say whether frames flow to all that should have them; `whole` is what was found of `Programmed`."""
    if whole.status != "True":
        return whole
    if seen is None or not seen.state:
        return before or _NOT_SAID
    return _FLOWS if seen.state == FlowState.FLOWING else _not_attached(verdict, seen)


def _not_attached(verdict: Verdict, seen: Observation) -> Finding:
    source = next((end for end in verdict.endpoints if end.role == "source" and not end.reason), None)
    if source is None:
        return Finding("False", NO_SOURCE, "nobody may be its source yet")
    bridge = next((each for each in seen.bridges if each.endpoint == source.name), None)
    if bridge is not None and bridge.state == BridgeState.STOPPED:
        return Finding("False", "SourceDone", f"source {source.name} has come to its end")
    who = f"pod {source.pod}" if source.pod else source.kind
    why = (bridge.last_error if bridge is not None else "") or seen.ended.get(source.name, "")
    text = f"{who} has not attached as source {source.name}"
    return Finding("False", "SourceNotAttached", f"{text}: {why}" if why else text)
