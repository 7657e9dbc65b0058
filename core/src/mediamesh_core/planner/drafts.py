"""What is planned of one connection before it is held against the others, and what that was made of."""

from dataclasses import dataclass

from mediamesh_core.errors import UserError
from mediamesh_core.kinds.connection import MediaConnection
from mediamesh_core.kinds.status import MAX_ENDPOINTS
from mediamesh_core.plan import FlowPlan
from mediamesh_core.planner.conflicts import Claim, Claims, claims
from mediamesh_core.planner.instructions import flow_plan
from mediamesh_core.planner.landscape import Landscape, Notes, holds
from mediamesh_core.planner.placement import Placement, place
from mediamesh_core.planner.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class Draft:
    """The plan of one connection, as if it were alone."""

    connection: MediaConnection
    full_name: str
    age: tuple[str, str]
    """What sorts older connections before younger ones."""
    verdict: Verdict
    flow: FlowPlan | None
    """None: it is wrong."""
    claims: tuple[Claim, ...]
    """What its flow needs for itself."""
    notes: Notes
    """All that it depends on besides the connection."""

    def holds(self, connection: MediaConnection) -> bool:
        """Whether it is still what would be made of this connection; equal ones are the same object."""
        return self.connection is connection and holds(self.notes)

    def beside(self, taken: Claims) -> Verdict:
        """Take what the flow needs; return what becomes of the connection beside those that came before."""
        try:
            taken.take(self.claims)
        except UserError as error:
            return _wrong(error)
        return self.verdict


def draft(connection: MediaConnection, landscape: Landscape) -> Draft:
    """Plan one connection by itself."""
    placement, name = place(connection, landscape), connection.full_name
    age = connection.metadata.creation_timestamp, name
    try:
        flow = flow_plan(connection, landscape.node(placement.node), placement.folders())
    except UserError as error:
        return Draft(connection, name, age, _wrong(error), None, (), landscape.noted())
    wanted = tuple(claims(connection, placement.node, flow))
    return Draft(connection, name, age, _verdict(placement), flow, wanted, landscape.noted())


def _wrong(error: UserError) -> Verdict:
    return Verdict(accepted=False, programmable=False, reason=error.reason, message=error.message)


def _verdict(placement: Placement) -> Verdict:
    reason, message = placement.trouble or ("", "")
    return Verdict(
        programmable=not reason,
        reason=reason,
        message=message,
        node=placement.node,
        endpoints=placement.endpoints[:MAX_ENDPOINTS],
    )
