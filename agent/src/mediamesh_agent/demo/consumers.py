"""The demo's consumer processes, started and kept alive like any application by whoever runs it."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mediamesh_agent.backoff import Backoff
from mediamesh_agent.ledger import Key
from mediamesh_agent.local import LocalAgent

MODULES: Final = ("checker", "viewer", "slow")
_PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class Material:
    """What consumers are given."""

    root: Path
    film: Path
    payload: str
    reports: Path


class Consumer:
    """One endpoint's process: started again whenever it ends, until `end`."""

    def __init__(self, key: Key, module: str, material: Material) -> None:
        self._key, self._module, self._material = key, module, material
        self._child: subprocess.Popen[bytes] | None = None
        self._supervising = asyncio.create_task(self._supervise())

    def kill(self) -> None:
        """SIGKILL; it is started again."""
        if self._child is not None:
            self._child.kill()

    def restart(self) -> None:
        """SIGTERM; it reports, ends and is started again."""
        if self._child is not None:
            self._child.terminate()

    async def end(self) -> None:
        """SIGTERM for good; SIGKILL if that does not help."""
        self._supervising.cancel()
        await asyncio.wait([self._supervising])
        if self._child is not None:
            self._child.terminate()
            try:
                await asyncio.to_thread(self._child.wait, _PATIENCE)
            except subprocess.TimeoutExpired:
                self._child.kill()
                await asyncio.to_thread(self._child.wait)

    async def _supervise(self) -> None:
        backoff, loop = Backoff(), asyncio.get_running_loop()
        while True:
            began = loop.time()
            self._child = self._start()
            await _ended(self._child)
            await asyncio.sleep(backoff.delay(loop.time() - began))

    def _start(self) -> subprocess.Popen[bytes]:
        material = self._material
        given = ["--film", str(material.film), "--payload", material.payload, "--reports", str(material.reports)]
        command = [sys.executable, "-m", f"mediamesh_agent.demo.{self._module}", *self._key, *given]
        environment = {**os.environ, "MEDIAMESH_DIR": str(material.root)}
        # A session of its own: Ctrl-C is for the demo, which then ends its consumers in order.
        return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True)


async def _ended(child: "subprocess.Popen[bytes]") -> None:
    ended = asyncio.Event()
    pidfd = os.pidfd_open(child.pid)
    loop = asyncio.get_running_loop()
    loop.add_reader(pidfd, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(pidfd)
        os.close(pidfd)
    child.wait()


@contextlib.asynccontextmanager
async def consumers(agent: LocalAgent, connection: str, material: Material) -> AsyncIterator[None]:
    """Run the consumers of a connection and let the agent's page and keys end them."""
    running = {(connection, module): Consumer((connection, module), module, material) for module in MODULES}
    agent.local_parts.update(running)
    try:
        yield
    finally:
        await asyncio.gather(*(consumer.end() for consumer in running.values()))
