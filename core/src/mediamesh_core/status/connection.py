"""The status of one connection, out of what was planned, what its node says, and what was said before.

`Accepted` is the planner's word. `Programmed` needs the node's: it has the flow of the newest plan in force, and
could set it up. `Ready` needs a source that is attached. A status that differs from the one before only in its
counters is the one before, so a flow that flows writes nothing.
"""

from dataclasses import replace
from datetime import datetime
from fractions import Fraction

from mediamesh_core.formats import AncillaryFormat, AudioFormat, EncodedFormat, VideoFormat
from mediamesh_core.kinds.connection import MediaConnection
from mediamesh_core.kinds.status import Condition, ConnectionStatus, EndpointStatus
from mediamesh_core.planner.verdicts import Verdict
from mediamesh_core.status.conditions import Finding, accepted, condition, programmed, ready
from mediamesh_core.status.endpoints import count_at_work, endpoint_statuses
from mediamesh_core.status.observation import Observation
from mediamesh_core.status.rates import shown_rate


def nominal_rate(connection: MediaConnection) -> Fraction | None:
    """Return the frames per second that the payload promises; None if it promises none."""
    media = connection.spec.payload.format
    if isinstance(media, VideoFormat | AncillaryFormat | EncodedFormat):
        return media.frame_rate
    return 1 / media.frame_duration if isinstance(media, AudioFormat) else None


def exposure(connection: MediaConnection) -> str:
    """Say which stock peers can write the pool, since they map it themselves; "" if nobody but the source can."""
    names = [sink.name for sink in connection.spec.sinks if sink.memif is not None and sink.memif.access == "shared"]
    return f"the pool is not sealed: {', '.join(names)} can write it (access: shared)" if names else ""


def status(
    verdict: Verdict,
    seen: Observation | None,
    previous: ConnectionStatus | None,
    *,
    generation: int,
    now: datetime,
    nominal: Fraction | None = None,
    note: str = "",
) -> ConnectionStatus:
    """Return the status of a connection; the previous one, if nothing but counters has changed.

    `generation` is the object's, `seen` what the flow's node says (None: nothing yet), `now` with a time zone,
    `nominal` the rate that the payload promises, `note` what is to be said besides of one that is Ready.
    """
    before = previous or ConnectionStatus()
    comparable = before.observed_generation == generation and before.node == verdict.node
    said = {one.type: _finding(one) for one in before.conditions} if comparable else {}
    whole = programmed(verdict, seen, said.get("Programmed"))
    found = {
        "Accepted": accepted(verdict),
        "Programmed": whole,
        "Ready": _noted(ready(whole, verdict, seen, said.get("Ready")), note),
    }
    ends = endpoint_statuses(verdict.endpoints, seen, before.endpoints)
    made = ConnectionStatus(
        observed_generation=generation,
        conditions=tuple(
            condition(kind, finding, before.condition(kind), generation=generation, now=now)
            for kind, finding in found.items()
        ),
        node=verdict.node,
        source=_source(verdict),
        sinks=count_at_work(ends) if verdict.accepted else "",
        rate=_rate(seen, nominal, before.rate),
        endpoints=ends,
    )
    return before if _uncounted(made) == _uncounted(before) else made


def _noted(finding: Finding, note: str) -> Finding:
    if finding.status != "True" or not note or note in finding.message:
        return finding
    return replace(finding, message=f"{finding.message}; {note}")


def _finding(said: Condition) -> Finding:
    return Finding(said.status, said.reason, said.message)


def _source(verdict: Verdict) -> str:
    """Return who is the source: the pod, or what kind of thing."""
    sources = [end for end in verdict.endpoints if end.role == "source" and (not end.reason or not end.pod)]
    return next((end.pod or (end.kind if end.kind != "pod" else "") for end in sources), "")


def _rate(seen: Observation | None, nominal: Fraction | None, before: str) -> str:
    if seen is None:
        return before
    if not seen.flowing:
        return ""
    return before if seen.rate is None else shown_rate(seen.rate, nominal, before)


def _uncounted(status: ConnectionStatus) -> ConnectionStatus:
    return status.model_copy(update={"endpoints": tuple(_without_counters(end) for end in status.endpoints)})


def _without_counters(end: EndpointStatus) -> tuple[str, ...]:
    return end.name, end.pod, end.role, end.kind, end.node, end.state, end.message
