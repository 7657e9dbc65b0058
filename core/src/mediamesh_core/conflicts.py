"""Connections that are right one by one and cannot be together."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from mediamesh_core.errors import UserError
from mediamesh_core.kinds.connection import MediaConnection, Sink, Source
from mediamesh_core.kinds.endpoints import MemifEndpoint

Claim = tuple[str, str]
"""What is claimed, and by whom."""


def check_conflicts(connections: Sequence[MediaConnection]) -> None:
    """Refuse two connections of one name, two recordings into one file, two uses of one memif interface."""
    _each_once("DuplicateConnection", "is defined twice", ((one.full_name, "") for one in connections))
    _each_once("FileConflict", "is written by two sinks", _recordings(connections))
    _each_once("MemifConflict", "is used by two endpoints", _interfaces(connections))
    _one_role_each(connections)


def _each_once(reason: str, complaint: str, claims: Iterable[Claim]) -> None:
    owners: dict[str, str] = {}
    for claimed, owner in claims:
        if claimed in owners:
            between = f": {owners[claimed]} and {owner}; change one of them" if owner else "; remove one"
            raise UserError(reason, f"{claimed} {complaint}{between}")
        owners[claimed] = owner


def _recordings(connections: Sequence[MediaConnection]) -> Iterator[Claim]:
    for connection in connections:
        for sink in connection.spec.sinks:
            if sink.file is not None:
                yield f"file {PurePosixPath(sink.file.path)}", f"{connection.full_name} {sink.name}"


def _peers(connections: Sequence[MediaConnection]) -> Iterator[tuple[MemifEndpoint, str]]:
    for connection in connections:
        ends: list[Source | Sink] = [connection.spec.source, *connection.spec.sinks]
        for end in ends:
            if end.memif is not None:
                yield end.memif, f"{connection.full_name} {end.name}"


def _interfaces(connections: Sequence[MediaConnection]) -> Iterator[Claim]:
    for peer, owner in _peers(connections):
        yield f"memif {peer.socket} id {peer.id}", owner


def _one_role_each(connections: Sequence[MediaConnection]) -> None:
    """One socket is either listened at by us or by the peer."""
    owners: dict[str, tuple[str, str]] = {}
    for peer, owner in _peers(connections):
        role, first = owners.setdefault(peer.socket, (peer.role, owner))
        if role != peer.role:
            ends = f"{first} has a {role} there, {owner} a {peer.role}"
            raise UserError("MemifConflict", f"memif {peer.socket} has two roles: {ends}; a socket has one server")
