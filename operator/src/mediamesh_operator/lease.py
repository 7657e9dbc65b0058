"""Who leads: the rules of a Lease, with the time as an argument.

A Lease names its holder and says for how long a candidate has to leave it alone after it was last seen to change.
Clocks of machines differ, so nobody compares its own with the times written there: what counts is how long *this*
candidate has watched the same version (`Watched`). A holder that ends in order empties the name, and the next one
need not wait. A leader that could not renew for `RENEW_WITHIN` seconds stops being one by itself, well before anybody
else may take over after `DURATION`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

DURATION: Final = 15
"""Seconds without a renewal after which others may take over."""
RENEW_WITHIN: Final = 10.0
"""Seconds without a renewal after which a leader ends itself."""
RETRY: Final = 2.0
"""Seconds between two looks at the Lease."""


class Move(Enum):
    """What a candidate does about a Lease."""

    CREATE = "create"
    TAKE = "take"
    RENEW = "renew"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Watched:
    """A version of the Lease, and since when this candidate has seen no other."""

    version: str
    since: float


def watched(before: Watched | None, lease: Mapping[str, Any], now: float) -> Watched:
    """Return what is known after the Lease was read."""
    version = str(lease["metadata"]["resourceVersion"])
    return before if before is not None and before.version == version else Watched(version, now)


def move(lease: Mapping[str, Any] | None, seen: Watched | None, identity: str, now: float) -> Move:
    """Return what the candidate `identity` does about the Lease that it read (None: there is none)."""
    if lease is None or seen is None:
        return Move.CREATE
    spec = lease.get("spec") or {}
    holder = spec.get("holderIdentity") or ""
    if holder == identity:
        return Move.RENEW
    patience = spec.get("leaseDurationSeconds") or DURATION
    return Move.TAKE if not holder or now - seen.since >= patience else Move.WAIT


def held(lease: Mapping[str, Any] | None, name: str, identity: str, wall: datetime) -> dict[str, Any]:
    """Return the Lease to be written by who takes or renews it; `wall` is for people who read it."""
    old = dict((lease or {}).get("spec") or {})
    same = old.get("holderIdentity") == identity
    spec = {
        "holderIdentity": identity,
        "leaseDurationSeconds": DURATION,
        "acquireTime": old["acquireTime"] if same and "acquireTime" in old else _micro(wall),
        "renewTime": _micro(wall),
        "leaseTransitions": int(old.get("leaseTransitions") or 0) + (0 if same or lease is None else 1),
    }
    return _body(lease, name, spec)


def released(lease: Mapping[str, Any], name: str, wall: datetime) -> dict[str, Any]:
    """Return the Lease without a holder: the next candidate that looks has it."""
    old = dict(lease.get("spec") or {})
    return _body(lease, name, old | {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": _micro(wall)})


def _body(lease: Mapping[str, Any] | None, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name}
    if lease is not None:
        metadata["resourceVersion"] = lease["metadata"]["resourceVersion"]
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}


def _micro(wall: datetime) -> str:
    """MicroTime, as the API server wants it."""
    return wall.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
