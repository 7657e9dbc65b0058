"""The hub's process, seen from the agent: started or adopted, watched, replaced.

The hub must outlive the agent, so it is started in a session of its own (Ctrl-C in the agent's terminal does
not reach it), with its output in `hub.log` instead of a pipe that would break. A hub that was found running is
as good as one that was started: both are watched through a pidfd, which cannot be mistaken for another process
that got the same number later.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mediamesh_agent.control import HubControl
from mediamesh_agent.errors import HubDidNotStart, HubUnreachable

LOG_NAME = "hub.log"
SOCKET_NAME = "hub.sock"
_POLL = 0.02


@dataclass(frozen=True, slots=True)
class HubSettings:
    """How hubs of this folder are started."""

    root: Path
    media: Path
    polling: bool = False

    @property
    def socket(self) -> Path:
        """The control socket."""
        return self.root / SOCKET_NAME

    @property
    def log(self) -> Path:
        """Where the hub's output goes."""
        return self.root / LOG_NAME

    def command(self, *, take_over: bool) -> list[str]:
        """Return the command line of a hub."""
        command = [sys.executable, "-m", "mediamesh_agent.hub", "--root", str(self.root)]
        return command + ["--polling"] * self.polling + ["--take-over"] * take_over

    def environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """Return the hub's environment; its bridges inherit it."""
        return {**inherited, "MEDIAMESH_DIR": str(self.root), "MEDIAMESH_MEDIA": str(self.media)}


class HubProcess:
    """A running hub: ours to wait for and, at the end, to kill."""

    def __init__(self, pid: int, child: subprocess.Popen[bytes] | None = None) -> None:
        self.pid = pid
        self.adopted = child is None
        self._child = child
        self._pidfd = os.pidfd_open(pid)
        self._ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._pidfd, self._on_end)

    @classmethod
    def start(cls, settings: HubSettings, *, take_over: bool = False) -> "HubProcess":
        """Start a hub; with `take_over` it succeeds the one that runs."""
        settings.root.mkdir(mode=0o755, parents=True, exist_ok=True)
        if not take_over:
            settings.log.write_bytes(b"")
        with settings.log.open("ab") as log:  # appending: a person may empty it while the hub runs
            child = subprocess.Popen(
                settings.command(take_over=take_over),
                env=settings.environment(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return cls(child.pid, child)

    @property
    def running(self) -> bool:
        """Whether it has not been seen to end."""
        return not self._ended.is_set()

    async def ended(self) -> None:
        """Wait until the process is gone."""
        await self._ended.wait()

    @property
    def fate(self) -> str:
        """How it ended, for messages; of a hub that was adopted the kernel does not tell us."""
        code = self._child.returncode if self._child is not None else None
        if code is None:
            return f"the hub (pid {self.pid}) is gone"
        if code < 0:
            return f"the hub (pid {self.pid}) was killed by {signal.Signals(-code).name}"
        return f"the hub (pid {self.pid}) ended with status {code}"

    @property
    def gave_up(self) -> bool:
        """Whether it ended by itself, so that the last line of its log says why."""
        return self._child is not None and (self._child.returncode or 0) > 0

    async def end(self, deadline: float) -> bool:
        """Wait `deadline` seconds for the end, then kill; return whether it went by itself."""
        try:
            async with asyncio.timeout(deadline):
                await self.ended()
        except TimeoutError:
            self.kill()
            await self.ended()
            return False
        return True

    def kill(self) -> None:
        """SIGKILL, if it still runs."""
        if self.running:
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def release(self) -> None:
        """Stop watching; the process runs on."""
        if self._pidfd >= 0:
            asyncio.get_running_loop().remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1
        if self._child is not None and self._child.poll() is None:
            self._child.returncode = 0  # says to Popen that leaving a child behind is meant

    def _on_end(self) -> None:
        if self._child is not None:
            self._child.wait()
        self._ended.set()
        self.release()


async def adopt(control: HubControl) -> HubProcess | None:
    """Return the hub that answers on the socket, or None.

    It is asked twice: if the same process answers after its pidfd was opened, the pidfd is that process's.
    """
    try:
        process = HubProcess((await control.observe()).pid)
    except (HubUnreachable, ProcessLookupError):
        return None
    with contextlib.suppress(HubUnreachable):
        if (await control.observe()).pid == process.pid:
            return process
    process.release()
    return None


async def abandon(process: HubProcess) -> None:
    """Kill a hub that is not wanted after all."""
    process.kill()
    await process.ended()


async def answering(process: HubProcess, control: HubControl, settings: HubSettings, deadline: float) -> None:
    """Wait until `process` itself answers on the control socket."""
    try:
        async with asyncio.timeout(deadline):
            while not await _answers(process, control):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_POLL):
                        await process.ended()
    except TimeoutError as error:
        raise HubDidNotStart(f"the hub (pid {process.pid}) does not answer; see {settings.log}") from error


async def _answers(process: HubProcess, control: HubControl) -> bool:
    if not process.running:
        raise HubDidNotStart(f"{process.fate} before it answered")
    try:
        return (await control.observe()).pid == process.pid
    except HubUnreachable:
        return False


def obituary(process: HubProcess, settings: HubSettings) -> str:
    """Return how a hub has ended and, if it had the time to say it, why."""
    why = last_words(settings) if process.gave_up else ""
    return f"{process.fate}: {why}" if why else process.fate


def last_words(settings: HubSettings) -> str:
    """Return the last line a hub wrote, for messages."""
    try:
        lines = settings.log.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return lines[-1] if lines else ""
