"""A real browser: Debian's chromium without a window, told what to do by the DevTools protocol.

The protocol is JSON over a WebSocket: requests with an id, answers with the same id, and events in between, of which
only those are kept that tell of an error on the page.
"""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from mediamesh_testing.waiting import PATIENCE, eventually

SWITCHES = (
    "--headless=new",
    "--no-sandbox",  # the tests run as root
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--remote-debugging-port=0",
    "about:blank",
)


class Tab:
    """One page."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.errors: list[str] = []
        self._socket = socket
        self._numbers = count(1)

    async def run(self, expression: str) -> Any:
        """Return what a JavaScript expression gives in the page."""
        answer = await self.command("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def sees(self, expression: str) -> Any:
        """Wait until an expression gives something true, and return it."""
        async with asyncio.timeout(PATIENCE):
            while not (found := await self.run(expression)):
                await self.run("new Promise((done) => requestAnimationFrame(done))")
        return found

    async def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Give a command and return its answer."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            message = await self._socket.receive_json(timeout=PATIENCE)
            if message.get("id") == number:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result
            self._listen(message)

    def _listen(self, event: dict[str, Any]) -> None:
        if event.get("method") == "Runtime.exceptionThrown":
            self.errors.append(str(event["params"]["exceptionDetails"]))
        elif event.get("method") == "Log.entryAdded" and event["params"]["entry"]["level"] == "error":
            self.errors.append(str(event["params"]["entry"]))


@contextlib.asynccontextmanager
async def browsing(folder: Path, url: str) -> AsyncIterator[Tab]:
    """Show a page while the context lasts."""
    async with _chromium(folder) as address, aiohttp.ClientSession() as session:
        async with session.put(f"http://{address}/json/new?about:blank") as made:
            target = (await made.json())["webSocketDebuggerUrl"]
        async with session.ws_connect(target, max_msg_size=0) as socket:
            tab = Tab(socket)
            for domain in ("Runtime", "Log", "Page"):
                await tab.command(f"{domain}.enable")
            await tab.command("Page.navigate", url=url)
            yield tab


@contextlib.asynccontextmanager
async def _chromium(folder: Path) -> AsyncIterator[str]:
    """Run the browser; gives host and port of its DevTools."""
    program = shutil.which("chromium")
    if program is None:
        pytest.fail("the page is tested in a browser: apt-get install chromium")
    with (folder / "chromium.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program,
            f"--user-data-dir={folder}",
            *SWITCHES,
            env={**os.environ, "HOME": str(folder)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield await _address(process, folder)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def _address(process: asyncio.subprocess.Process, folder: Path) -> str:
    told = folder / "DevToolsActivePort"

    def port() -> str:
        assert process.returncode is None, (folder / "chromium.log").read_text(errors="replace")
        return told.read_text().partition("\n")[0] if told.exists() else ""

    return f"127.0.0.1:{await eventually(port, 'the browser')}"
