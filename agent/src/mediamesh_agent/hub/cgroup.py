"""Whose folder it is: the kernel's word for the pod of a peer.

Who may mount which folder into a pod is decided outside (an admission policy, or CSI). Where the hub sees the node's
processes (`hostPID`), it looks at it once more: a peer's control group names its pod, and a pod can neither choose nor
leave it. kubelet writes the uid in two ways, by driver: `/kubepods/burstable/pod<uid>/...` (cgroupfs) and
`/kubepods.slice/.../kubepods-burstable-pod<uid with _>.slice/...` (systemd). Inside a container's own group a
privileged process may make groups of any name, so the outermost name counts.
"""

import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from mediamesh_agent.hub.errors import Refused

Guard = Callable[[str, int], None]
"""Takes a folder below the root and the pid of who came through its socket; raises Refused if it is not his."""

_POD = re.compile(r"(?:^|-)pod([0-9a-f]{8}([-_]?)[0-9a-f]{4}(?:\2[0-9a-f]{4}){2}\2[0-9a-f]{12})(?:\.slice)?$")
_PROC = Path("/proc")


def pod_of(text: str) -> str:
    """Return the uid of the pod that /proc/PID/cgroup tells of, "" if it is none or if its lines disagree."""
    paths = (line.split(":", 2)[2] for line in text.splitlines() if line.count(":") >= 2)
    found = {uid for uid in map(_outermost, paths) if uid}
    return found.pop() if len(found) == 1 else ""


def _outermost(path: str) -> str:
    matches = (_POD.search(part) for part in PurePosixPath(path).parts)
    return next((match[1].replace("_", "-") for match in matches if match), "")


def check(folder: str, pid: int, proc: Path = _PROC) -> None:
    """Raise Refused if a folder is a pod's and the process is not of that pod."""
    place, _, uid = folder.partition("/")
    if place == "pods" and (not pid or pod_of(_groups(pid, proc)) != uid):
        raise Refused("NotYourFolder", "this socket is another pod's: mount the folder of your own pod")


def trust(_folder: str, _pid: int) -> None:
    """Take everybody's word for it: the hub sees no processes but its own."""


def _groups(pid: int, proc: Path) -> str:
    try:
        return (proc / str(pid) / "cgroup").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
