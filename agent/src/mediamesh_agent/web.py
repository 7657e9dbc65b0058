"""The page, its JSON, the buttons and the metrics, served by aiohttp.

The same application is served twice: on 127.0.0.1 behind `guard`, for people and Prometheus, and on the unix socket
`agent.sock` (mode 0600) for `mediamesh up --upgrade`. The page gets the whole picture four times a second
as server-sent events; nothing on it is kept between two events, so a page that was asleep is right at once.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path, PurePath
from typing import Final

from aiohttp import web

from mediamesh_agent import guard, parts
from mediamesh_agent.errors import PortTaken
from mediamesh_agent.exposition import REGISTRY, metrics, registry
from mediamesh_agent.folder import AGENT_SOCKET
from mediamesh_agent.local import LocalAgent
from mediamesh_agent.metrics import AgentCollector
from mediamesh_agent.page import state
from mediamesh_agent.preview import Previews
from mediamesh_core.errors import MediameshError, TransientError

ADDRESS: Final = "127.0.0.1"
AGENT: Final = web.AppKey("agent", LocalAgent)
PREVIEWS: Final = web.AppKey("previews", Previews)
_TYPES: Final = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_BOUNDARY: Final = "frame"
_MOST_REQUEST: Final = 4096


def application(agent: LocalAgent, previews: Previews, *, guarded: bool) -> web.Application:
    """Return the application; `guarded` when browsers can reach it."""
    app = web.Application(middlewares=[guard.protect] if guarded else [], client_max_size=_MOST_REQUEST)
    app.on_response_prepare.append(guard.add_headers)
    app[AGENT] = agent
    app[PREVIEWS] = previews
    app[REGISTRY] = registry(AgentCollector(agent))
    app.add_routes(
        [
            web.get("/", _static),
            web.get("/static/{name}", _static),
            web.get("/api/observed", _observed),
            web.get("/api/events", _events),
            web.post("/api/kill", _kill),
            web.post("/api/restart", _restart),
            web.post("/api/upgrade", _upgrade),
            web.get("/metrics", metrics),
            web.get("/preview.mjpg", _preview),
        ]
    )
    return app


@contextlib.asynccontextmanager
async def serving(agent: LocalAgent, previews: Previews, *, port: int | None) -> AsyncIterator[int]:
    """Serve while the context lasts; gives the port (0: the kernel chooses; None: unix socket only, gives 0)."""
    local = web.AppRunner(application(agent, previews, guarded=False), shutdown_timeout=0.1)
    public = web.AppRunner(application(agent, previews, guarded=True), shutdown_timeout=0.1)
    socket = agent.settings.hub.root / AGENT_SOCKET
    try:
        await _serve_unix(local, socket)
        yield 0 if port is None else await _serve_tcp(public, port)
    finally:
        await asyncio.gather(local.cleanup(), public.cleanup())
        socket.unlink(missing_ok=True)


async def _serve_unix(runner: web.AppRunner, path: Path) -> None:
    await runner.setup()
    path.unlink(missing_ok=True)
    await web.UnixSite(runner, str(path)).start()
    path.chmod(0o600)


async def _serve_tcp(runner: web.AppRunner, port: int) -> int:
    await runner.setup()
    try:
        await web.TCPSite(runner, ADDRESS, port).start()
    except OSError as error:
        raise PortTaken(f"{ADDRESS}:{port} cannot be had ({error.strerror}); choose another with --port") from error
    bound: int = runner.addresses[0][1]
    return bound


async def _static(request: web.Request) -> web.Response:
    name = request.match_info.get("name", "index.html")
    file = next((file for file in files("mediamesh_agent").joinpath("static").iterdir() if file.name == name), None)
    if file is None:
        raise web.HTTPNotFound
    kind = _TYPES[PurePath(name).suffix]
    fresh = {"Cache-Control": "no-cache"}
    return web.Response(body=file.read_bytes(), content_type=kind, charset="utf-8", headers=fresh)


async def _observed(request: web.Request) -> web.Response:
    return web.json_response(state(request.app[AGENT]))


async def _events(request: web.Request) -> web.StreamResponse:
    agent = request.app[AGENT]
    headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    with contextlib.suppress(ConnectionResetError):
        while True:
            await response.write(f"data: {json.dumps(state(agent))}\n\n".encode())
            await agent.news()
    return response


async def _kill(request: web.Request) -> web.Response:
    return await _act(request, kill=True)


async def _restart(request: web.Request) -> web.Response:
    return await _act(request, kill=False)


async def _act(request: web.Request, *, kill: bool) -> web.Response:
    agent = request.app[AGENT]
    try:
        asked = await request.json()
        key = (str(asked["connection"]), str(asked["endpoint"]))
    except (ValueError, KeyError, TypeError) as error:
        raise web.HTTPBadRequest(text='send {"connection": …, "endpoint": …}') from error
    try:
        if kill:
            parts.kill(agent, key)
        else:
            await parts.restart(agent, key)
    except MediameshError as error:
        return _failure(error)
    return web.json_response({"done": True})


async def _upgrade(request: web.Request) -> web.Response:
    try:
        report = await request.app[AGENT].upgrade()
    except MediameshError as error:
        return _failure(error)
    return web.json_response(report.to_json())


def _failure(error: MediameshError) -> web.Response:
    status = web.HTTPServiceUnavailable if isinstance(error, TransientError) else web.HTTPConflict
    return web.json_response({"reason": error.reason, "message": error.message}, status=status.status_code)


async def _preview(request: web.Request) -> web.StreamResponse:
    preview = request.app[PREVIEWS].find(request.query.get("connection", ""))
    if preview is None:
        raise web.HTTPNotFound(text="no connection of that name has a sink for this page")
    content_type = f"multipart/x-mixed-replace; boundary={_BOUNDARY}"
    response = web.StreamResponse(headers={"Content-Type": content_type, "Cache-Control": "no-store"})
    await response.prepare(request)
    with contextlib.suppress(ConnectionResetError):
        async for picture in preview.pictures():
            head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
            await response.write(head.encode() + picture + b"\r\n")
    return response
