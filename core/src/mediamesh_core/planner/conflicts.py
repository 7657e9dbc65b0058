"""Connections that are right one by one and cannot be together.

Each takes what it needs for itself: files that it writes, interfaces of stock peers, the role on their sockets. Who
asks first has it; a connection that comes too late gets none of what it asks for, so it holds up nobody else.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from mediamesh_core.errors import UserError
from mediamesh_core.kinds.connection import MediaConnection
from mediamesh_core.plan import EndpointPlan, FlowPlan

Key = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """What an endpoint needs for itself, or, with a role, only together with others of the same role."""

    reason: str
    key: Key
    shown: str
    owner: str
    role: str = ""

    def refuse(self, first: "Claim") -> None:
        """Raise if it cannot be had beside the claim that was there first."""
        if not self.role:
            uses = "is written by two sinks" if self.reason == "FileConflict" else "is used by two endpoints"
            raise UserError(self.reason, f"{self.shown} {uses}: {first.owner} and {self.owner}; change one of them")
        if self.role != first.role:
            ends = f"{first.owner} has a {first.role} there, {self.owner} a {self.role}"
            raise UserError(self.reason, f"{self.shown} has two roles: {ends}; a socket has one server")


class Claims:
    """What has been taken."""

    def __init__(self) -> None:
        self._taken: dict[Key, Claim] = {}

    def take(self, wanted: Iterable[Claim]) -> None:
        """Take all that one flow needs.

        Raises
        ------
        UserError
            Something of it has been taken, or is asked for twice; nothing is taken then.
        """
        new: dict[Key, Claim] = {}
        for claim in wanted:
            first = self._taken.get(claim.key) or new.setdefault(claim.key, claim)
            if first is not claim:
                claim.refuse(first)
        self._taken |= new


def claims(connection: MediaConnection, node: str, flow: FlowPlan) -> Iterator[Claim]:
    """Yield all that the connection's flow on this node needs."""
    namespace = connection.metadata.namespace
    for sink in connection.spec.sinks:
        if sink.file is not None:
            path = PurePosixPath(sink.file.path)
            yield Claim(
                "FileConflict", ("file", namespace, str(path)), f"file {path}", f"{flow.connection} {sink.name}"
            )
    yield from _interfaces(flow.source.name, flow.source.endpoint, node, flow)
    for planned in flow.sinks:
        yield from _interfaces(planned.name, planned.endpoint, node, flow)


def _interfaces(name: str, end: EndpointPlan, node: str, flow: FlowPlan) -> Iterator[Claim]:
    if end.memif is not None:
        socket, owner = (node, end.memif.folder, end.memif.socket), f"{flow.connection} {name}"
        shown = f"memif {end.memif.socket}"
        yield Claim("MemifConflict", ("id", *socket, end.memif.id), f"{shown} id {end.memif.id}", owner)
        yield Claim("MemifConflict", ("role", *socket), shown, owner, end.memif.role)
