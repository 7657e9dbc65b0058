"""An API server that keeps Secrets and ConfigMaps of one namespace, and lets nobody make any, as the chart has it."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from operator_lists import answering, refusal

from mediamesh_operator import storage

SECRET, BUNDLE = "its-ca", "its-bundle"
_BASE = "/api/v1/namespaces/one"


@dataclass(slots=True)
class Kept:
    """Its objects, by kind and name; each write counts the version up."""

    objects: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    version: int = 0

    def put(self, plural: str, name: str, data: dict[str, str]) -> None:
        self.version += 1
        self.objects[plural, name] = {"metadata": {"name": name, "resourceVersion": str(self.version)}, "data": data}

    async def answer(self, request: web.Request) -> web.Response:
        key = request.match_info["plural"], request.match_info.get("name", "")
        if request.method == "POST" or (request.method == "PATCH" and key not in self.objects):
            return refusal(403)
        if key not in self.objects:
            return refusal(404)
        if request.method == "PATCH":
            self.put(*key, (await request.json())["data"])
        return web.json_response(self.objects[key])


@contextlib.asynccontextmanager
async def keeping(kept: Kept, folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[storage.AuthorityStore]:
    """Give a store that asks such an API server."""
    app = web.Application()
    app.router.add_route("*", _BASE + "/{plural}", kept.answer)
    app.router.add_route("*", _BASE + "/{plural}/{name}", kept.answer)
    async with answering(app, folder, monkeypatch) as api:
        yield storage.AuthorityStore(api, "one", SECRET, BUNDLE)
