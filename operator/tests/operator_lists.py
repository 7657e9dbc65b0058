"""An API server that lists pods and tells what becomes of them as a test wants it: real HTTP, and our real client."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from mediamesh_operator import storage


@dataclass(slots=True)
class Lists:
    """What it has; `watches` are answers to the next watches, the last of which stays open."""

    pages: list[list[dict[str, Any]]] = field(default_factory=lambda: [[]])
    watches: list[list[bytes] | int] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    """The queries of all requests."""
    refusals: list[int] = field(default_factory=list)
    """Statuses with which the next pages are refused; 0: that one is not."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Streams that are open end."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(dict(request.query))
        if "watch" in request.query:
            return await self._watch(request)
        if self.refusals and (status := self.refusals.pop(0)):
            return refusal(status)
        number = int(request.query.get("continue") or 0)
        more = str(number + 1) if number + 1 < len(self.pages) else ""
        return web.json_response({"metadata": {"resourceVersion": "40", "continue": more}, "items": self.pages[number]})

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        lines = self.watches.pop(0) if self.watches else []
        if isinstance(lines, int):
            return refusal(lines)
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):  # who is asked may leave
            for line in lines:
                await response.write(line)
        if not self.watches:
            await self.over.wait()
        return response

    def since(self) -> list[str]:
        """Return the versions that watches were to go on from."""
        return [query["resourceVersion"] for query in self.asked if "watch" in query]


def refusal(status: int) -> web.Response:
    return web.json_response({"kind": "Status", "message": "as the test wants it"}, status=status)


def line(kind: str, body: dict[str, Any]) -> bytes:
    """Return an event as the API server writes it."""
    return json.dumps({"type": kind, "object": body}).encode() + b"\n"


@contextlib.asynccontextmanager
async def answering(app: web.Application, folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[storage.Api]:
    """Serve an API server of a test, and give what asks it."""
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    monkeypatch.setenv("KUBECONFIG", str(config_for(folder, runner.addresses[0][1])))
    try:
        async with storage.connected() as api:
            yield api
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def listing(lists: Lists, folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[storage.KindStore]:
    """Give a store that asks such an API server."""
    app = web.Application()
    app.router.add_get("/api/v1/pods", lists.answer)
    async with answering(app, folder, monkeypatch) as api:
        try:
            yield storage.KindStore(api)
        finally:
            lists.over.set()


def config_for(folder: Path, port: int) -> Path:
    """Write a kubeconfig for an API server of a test."""
    cluster = {"name": "one", "cluster": {"server": f"http://127.0.0.1:{port}"}}
    context = {"name": "one", "context": {"cluster": "one", "user": "one"}}
    config = {"clusters": [cluster], "contexts": [context], "users": [{"name": "one", "user": {}}]}
    file = folder / "kubeconfig"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "one", **config}))
    return file
