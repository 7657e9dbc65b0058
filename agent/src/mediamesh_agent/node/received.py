"""What the operator wants of this node: the newest plan that has come over the stream.

While the stream is open this agent is the one that the operator speaks through, so any other plan in the hub is put
right. Without the operator the hub runs on with what it has: a plan is sent again only to a hub that has lost it, which
shows in a smaller revision. A larger one says that a younger agent of the same node (a rolling upgrade runs both for a
while) has been told something newer. Who was superseded forgets its plan.

After a restart the agent begins with the plan that the hub keeps on disk, so that it can go on trying flows that could
not be set up; the operator does not send a plan that the hub has.
"""

import logging
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from google.protobuf.message import DecodeError

from mediamesh_protos import hub_pb2, plan_pb2

log = logging.getLogger(__name__)

LAG: Final = 30.0
"""Seconds within which an operator that listens has sent another plan if there is one."""


class Received:
    """The desired state, for `agent.Agent`."""

    def __init__(self, node: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.plan = plan_pb2.NodePlan(node=node)
        self.count = 0
        """Plans that have come."""
        self._node = node
        self._clock = clock
        self._connected_since: float | None = None
        self._taken_at = -math.inf
        self._revision: int | None = None
        self._new = False

    @property
    def connected(self) -> bool:
        """Whether the operator speaks through this agent now."""
        return self._connected_since is not None

    def connect(self) -> None:
        """Learn that the operator takes reports."""
        if self._connected_since is None:
            self._connected_since = self._clock()

    def disconnect(self) -> None:
        """Learn that the stream is gone."""
        self._connected_since = None

    @property
    def known_at(self) -> float:
        """When the plan was last known to be the operator's word: it sends no plan that the hub has."""
        settled = self._clock() - LAG
        if self.plan.digest and self._connected_since is not None and self._connected_since <= settled:
            return max(self._taken_at, settled)
        return self._taken_at

    def keep(self, kept: Path) -> None:
        """Begin with the plan that the hub keeps in a file, if it can be read and is of this node."""
        try:
            plan = plan_pb2.NodePlan.FromString(kept.read_bytes())
        except FileNotFoundError:
            return
        except (OSError, DecodeError) as error:
            log.warning("the plan that the hub keeps cannot be read: %s", error)
            return
        if plan.digest and plan.node == self._node:
            self.plan, self._revision = plan, plan.revision

    def take(self, plan: plan_pb2.NodePlan) -> None:
        """Want this from now on."""
        self.plan, self._revision, self._new = plan, None, True
        self._taken_at = self._clock()
        self.count += 1

    def forget(self) -> None:
        """Want nothing: another agent is told what this node should be."""
        self.plan, self._revision = plan_pb2.NodePlan(node=self._node), None
        self._taken_at = -math.inf

    def refresh(self) -> bool:
        """Return whether a plan has come since the last call."""
        new, self._new = self._new, False
        return new

    def differs(self, observed: hub_pb2.Observed) -> bool:
        """Whether the hub is to be told."""
        if not self.plan.digest or self.in_force(observed):
            return False
        return self.connected or self._revision is None or observed.revision < self._revision

    def in_force(self, observed: hub_pb2.Observed) -> bool:
        """Whether the hub goes by this plan."""
        return bool(self.plan.digest) and observed.digest == self.plan.digest

    def applied(self, revision: int) -> None:
        """Learn under which revision the hub has taken the plan."""
        self._revision = revision

    def numbered(self, hubs_revision: int) -> plan_pb2.NodePlan:
        """Return the plan with the revision that follows the hub's; the digest does not cover it."""
        numbered = plan_pb2.NodePlan()
        numbered.CopyFrom(self.plan)
        numbered.revision = hubs_revision + 1
        return numbered
