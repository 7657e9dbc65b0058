"""What the files ask for, as a plan.

The files are looked at again and again (a `stat` each); when one has changed, all are read. Files that cannot be
read or are wrong raise, once per change, and the plan stays what it was: an editor's half-written file or a typo
never takes a running connection away.
"""

import dataclasses
import socket
from collections.abc import Sequence
from pathlib import Path

from mediamesh_agent.errors import PlanInvalid
from mediamesh_core import kinds, planner
from mediamesh_core.errors import MediameshError
from mediamesh_core.plan import NodePlan
from mediamesh_protos import hub_pb2, plan_pb2

Fingerprint = tuple[tuple[int, int, int] | None, ...]


def to_message(plan: NodePlan) -> plan_pb2.NodePlan:
    """Return the plan as the message that a hub takes."""
    return plan_pb2.NodePlan(**dataclasses.asdict(plan))


class DesiredByFiles:
    """The last valid plan made of `files`."""

    def __init__(self, files: Sequence[Path], *, polling: bool = False) -> None:
        self.plan = plan_pb2.NodePlan(node=socket.gethostname())
        self.applied_revision: int | None = None
        """Of this plan at the hub, as the hub answered; None: the hub does not have it yet."""
        self._files = tuple(files)
        self._polling = polling
        self._seen: Fingerprint | None = None

    def forget(self) -> None:
        """Read the files at the next `refresh`, changed or not."""
        self._seen = None

    def refresh(self) -> bool:
        """Read the files if any has changed; return whether that was so.

        Raises
        ------
        PlanInvalid
            A file is missing or wrong; `plan` is what it was.
        """
        seen = tuple(_fingerprint(path) for path in self._files)
        if seen == self._seen:
            return False
        self._seen = seen
        plan = self._read()
        if plan != self.plan:
            self.plan, self.applied_revision = plan, None
        return True

    def differs(self, observed: hub_pb2.Observed) -> bool:
        """Whether the hub goes by another plan than the files'."""
        return self.applied_revision != observed.revision

    def in_force(self, observed: hub_pb2.Observed) -> bool:
        """Whether the hub goes by the files."""
        return not self.differs(observed)

    def applied(self, revision: int) -> None:
        """Learn under which revision the hub has taken the plan."""
        self.applied_revision = revision

    def numbered(self, hubs_revision: int) -> plan_pb2.NodePlan:
        """Return the plan with the revision that follows the hub's."""
        numbered = plan_pb2.NodePlan()
        numbered.CopyFrom(self.plan)
        numbered.revision = hubs_revision + 1
        return numbered

    def _read(self) -> plan_pb2.NodePlan:
        connections = [connection for path in self._files for connection in _load(path)]
        try:
            node = planner.local_node(self.plan.node, polling=self._polling)
            return to_message(planner.plan_here(connections, node))
        except MediameshError as error:
            raise PlanInvalid(error.message, reason=error.reason) from error


def _load(path: Path) -> list[kinds.MediaConnection]:
    try:
        return kinds.load(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise PlanInvalid(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise PlanInvalid(f"{path}: is not UTF-8 text: {error.reason} at byte {error.start}") from error
    except MediameshError as error:
        raise PlanInvalid(error.message, reason=error.reason) from error


def _fingerprint(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
