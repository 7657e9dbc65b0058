"""Keeps lines served: a thread each, one visit after the other, until somebody asks to stop.

Whatever goes wrong in a visit ends that visit. The same trouble is told once until a visit goes well, and the pause
before the next one grows, so that a program that writes nonsense in a loop costs next to nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from threading import Thread
from typing import Any

from av.error import FFmpegError

from mediamesh.errors import Interrupted
from mediamesh.stopping import Stopping
from mediamesh_bridges.sidecar.joints import Joint
from mediamesh_bridges.sidecar.lines import Line
from mediamesh_core.errors import MediameshError

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 5.0
GRACE = 8.0
"""Seconds in which threads may end; Kubernetes gives a pod 30 in all."""
_log = logging.getLogger(__name__)


class Keeper:
    """One line."""

    def __init__(self, line: Line, joint: Joint, stopping: Stopping) -> None:
        self._line = line
        self._joint = joint
        self._stopping = stopping
        self._trouble = ""
        self._failures = 0
        self._thread = Thread(target=self._keep, name=str(line), daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def join(self, until: float) -> bool:
        """Wait for the last visit to end, until a moment of the monotonic clock; return whether it has."""
        self._thread.join(max(until - time.monotonic(), 0))
        return not self._thread.is_alive()

    def _keep(self) -> None:
        while not self._stopping.is_set():
            try:
                self._joint.serve()
            except Interrupted:
                continue
            except (MediameshError, OSError, FFmpegError) as error:
                self._fail(error)
            except Exception as error:  # noqa: BLE001  # a bug of ours must not end the other lines
                self._fail(error, exc_info=True)
            else:
                self._trouble, self._failures = "", 0

    def _fail(self, error: Exception, **more: Any) -> None:
        reason, message = _words(error)
        if message != self._trouble:
            fields = {"line": str(self._line), "connection": self._line.connection, "reason": reason}
            _log.warning("%s: %s: %s", self._line, reason, message, extra={"fields": fields}, **more)
        self._trouble = message
        self._stopping.wait(min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._failures, 10)))
        self._failures += 1


def keep(served: Iterable[tuple[Line, Joint]], stopping: Stopping) -> list[Keeper]:
    """Begin to serve all lines."""
    keepers = [Keeper(line, joint, stopping) for line, joint in served]
    for keeper in keepers:
        keeper.start()
    return keepers


def ended(keepers: Iterable[Keeper]) -> bool:
    """Wait for all lines to end; return whether they have, within `GRACE`."""
    until = time.monotonic() + GRACE
    return all(keeper.join(until) for keeper in keepers)


def _words(error: Exception) -> tuple[str, str]:
    if isinstance(error, MediameshError):
        return error.reason, error.message
    return type(error).__name__, " ".join(str(error).split())
