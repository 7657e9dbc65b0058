"""The last plan on disk, so that a hub that starts anew serves before any agent has spoken.

Written beside and renamed, both synced: after a power cut there is the old plan or the new one. It may
hold tokens, so only the hub's user reads it. A file that cannot be read is as good as none: the agent will send the
plan again.
"""

import logging
import os

from google.protobuf.message import DecodeError

from mediamesh_agent.hub.root import NEW_PLAN_FILE, PLAN_FILE, Root
from mediamesh_protos import plan_pb2

log = logging.getLogger(__name__)


def save(root: Root, plan: plan_pb2.NodePlan) -> None:
    """Keep a plan; a failure is logged and costs only the head start after the next crash."""
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        fd = os.open(NEW_PLAN_FILE, flags, 0o600, dir_fd=root.fd)
        with os.fdopen(fd, "wb") as file:
            file.write(plan.SerializeToString(deterministic=True))
            file.flush()
            os.fsync(fd)
        os.replace(NEW_PLAN_FILE, PLAN_FILE, src_dir_fd=root.fd, dst_dir_fd=root.fd)
        os.fsync(root.fd)
    except OSError as error:
        log.error("the plan cannot be kept in %s: %s", PLAN_FILE, error)  # noqa: TRY400 -- the error says it all


def load(root: Root) -> plan_pb2.NodePlan | None:
    """Return the plan that was kept, None if there is none to be read."""
    try:
        fd = os.open(PLAN_FILE, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=root.fd)
        with os.fdopen(fd, "rb") as file:
            return plan_pb2.NodePlan.FromString(file.read())
    except FileNotFoundError:
        return None
    except (OSError, DecodeError) as error:
        log.warning("the kept plan cannot be read and is ignored: %s", error)
        return None
