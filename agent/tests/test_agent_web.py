import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from agent_observations import FILM, attachment, observed
from agent_scenes import knowing

from mediamesh_agent.errors import PortTaken
from mediamesh_agent.folder import AGENT_SOCKET
from mediamesh_agent.local import LocalAgent
from mediamesh_agent.preview import Previews
from mediamesh_agent.web import serving

JSON = {"Content-Type": "application/json"}
Visit = Callable[[aiohttp.ClientSession, str, LocalAgent], Awaitable[None]]


class LocalPart:
    def __init__(self) -> None:
        self.orders: list[str] = []

    def kill(self) -> None:
        self.orders.append("kill")

    def restart(self) -> None:
        self.orders.append("restart")


def visiting(root: Path, visit: Visit) -> None:
    """Serve an agent that has seen one sink, and let `visit` make requests."""

    async def main() -> None:
        agent = knowing(root, observed(attachment(1, "checker", 5), clock=1, frames=5))
        async with serving(agent, Previews(), port=0) as port, aiohttp.ClientSession() as session:
            await visit(session, f"http://127.0.0.1:{port}", agent)

    asyncio.run(main())


def test_the_page_and_its_parts_are_served_without_foreign_sources(free_dir: Path) -> None:
    async def visit(session: aiohttp.ClientSession, url: str, agent: LocalAgent) -> None:
        async with session.get(url) as got:
            page = await got.text()
            assert got.headers["Content-Security-Policy"].startswith("default-src 'self'")
            assert got.headers["X-Frame-Options"] == "DENY"
        assert "http://" not in page
        assert "https://" not in page
        for name, kind in {"page.css": "text/css", "page.js": "text/javascript", "words.js": "text/javascript"}.items():
            async with session.get(f"{url}/static/{name}") as got:
                assert (got.status, got.content_type) == (200, kind)

    visiting(free_dir, visit)


@pytest.mark.parametrize("name", ["page.py", "..%2fweb.py", "%2e%2e/web.py", "nothing.js"])
def test_only_the_page_s_own_files_are_served(free_dir: Path, name: str) -> None:
    async def visit(session: aiohttp.ClientSession, url: str, agent: LocalAgent) -> None:
        async with session.get(f"{url}/static/{name}") as got:
            assert got.status == 404
            assert "Content-Security-Policy" in got.headers

    visiting(free_dir, visit)


def test_observed_is_the_whole_picture(free_dir: Path) -> None:
    async def visit(session: aiohttp.ClientSession, url: str, agent: LocalAgent) -> None:
        async with session.get(f"{url}/api/observed") as got:
            picture = await got.json()
        assert picture["hub"]["pid"] == 77
        (flow,) = picture["flows"]
        assert flow["label"] == "1280x720 yuv420p 25p"
        assert [sink["endpoint"] for sink in flow["sinks"]] == ["checker", "page"]
        assert [sink["preview"] for sink in flow["sinks"]] == [False, True]
        assert flow["source"]["actions"] == ["kill", "restart"]  # a bridge is ours
        assert flow["sinks"][0]["actions"] == ["restart"]  # somebody's application is not
        assert flow["sinks"][1]["actions"] == []  # nobody is there

    visiting(free_dir, visit)


def test_events_bring_a_picture_at_once_and_with_all_news(free_dir: Path) -> None:
    async def visit(session: aiohttp.ClientSession, url: str, agent: LocalAgent) -> None:
        async with session.get(f"{url}/api/events") as got:
            assert got.content_type == "text/event-stream"
            first = json.loads((await got.content.readuntil(b"\n\n")).removeprefix(b"data: "))
            assert first["flows"][0]["sinks"][0]["received"] == 5
            await agent.announce(observed(attachment(1, "checker", 9), clock=2, frames=9))
            second = json.loads((await got.content.readuntil(b"\n\n")).removeprefix(b"data: "))
            assert second["flows"][0]["sinks"][0]["received"] == 9

    visiting(free_dir, visit)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example:80"},
        {"Host": "127.0.0.1"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Content-Type": "text/plain"},
    ],
)
def test_a_foreign_page_cannot_press_buttons(free_dir: Path, headers: dict[str, str]) -> None:
    async def visit(session: aiohttp.ClientSession, url: str, agent: LocalAgent) -> None:
        part = LocalPart()
        agent.local_parts[FILM, "checker"] = part
        body = json.dumps({"connection": FILM, "endpoint": "checker"})
        async with session.post(f"{url}/api/kill", data=body, headers={**JSON, **headers}) as got:
            assert got.status == 403
        assert part.orders == []

    visiting(free_dir, visit)


@pytest.mark.parametrize("path", ["/", "/api/observed", "/api/events", "/metrics", "/preview.mjpg"])
def test_nothing_is_shown_under_a_foreign_name(free_dir: Path, path: str) -> None:
    async def visit(session: aiohttp.ClientSession, url: str, agent: LocalAgent) -> None:
        async with session.get(url + path, headers={"Host": "rebound.example"}) as got:
            assert got.status == 403

    visiting(free_dir, visit)


def test_the_page_s_own_buttons_work(free_dir: Path) -> None:
    async def visit(session: aiohttp.ClientSession, url: str, agent: LocalAgent) -> None:
        part = LocalPart()
        agent.local_parts[FILM, "checker"] = part
        own = {"Origin": url, "Sec-Fetch-Site": "same-origin"}
        for action in ("kill", "restart"):
            body = {"connection": FILM, "endpoint": "checker"}
            async with session.post(f"{url}/api/{action}", json=body, headers=own) as got:
                assert (got.status, await got.json()) == (200, {"done": True})
        assert part.orders == ["kill", "restart"]

    visiting(free_dir, visit)


@pytest.mark.parametrize(
    ("endpoint", "reason"), [("checker", "PartNotOurs"), ("film", "PartNotOurs"), ("nobody", "PartUnknown")]
)
def test_only_what_this_agent_runs_is_killed(free_dir: Path, endpoint: str, reason: str) -> None:
    async def visit(session: aiohttp.ClientSession, url: str, agent: LocalAgent) -> None:
        body = {"connection": FILM, "endpoint": endpoint}
        async with session.post(f"{url}/api/kill", json=body) as got:
            assert (got.status, (await got.json())["reason"]) == (409, reason)

    visiting(free_dir, visit)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"connection": 1}', b"\xff"])
def test_nonsense_is_a_bad_request(free_dir: Path, body: bytes) -> None:
    async def visit(session: aiohttp.ClientSession, url: str, agent: LocalAgent) -> None:
        async with session.post(f"{url}/api/kill", data=body, headers=JSON) as got:
            assert got.status == 400

    visiting(free_dir, visit)


def test_restart_without_a_hub_is_for_later(free_dir: Path) -> None:
    async def visit(session: aiohttp.ClientSession, url: str, agent: LocalAgent) -> None:
        body = {"connection": FILM, "endpoint": "checker"}
        async with session.post(f"{url}/api/restart", json=body) as got:
            assert (got.status, (await got.json())["reason"]) == (503, "HubUnreachable")

    visiting(free_dir, visit)


def test_metrics_are_served_to_prometheus(free_dir: Path) -> None:
    async def visit(session: aiohttp.ClientSession, url: str, agent: LocalAgent) -> None:
        async with session.get(f"{url}/metrics") as got:
            text = await got.text()
        assert "mediamesh_hub_up 1.0" in text
        assert "process_cpu_seconds_total" in text

    visiting(free_dir, visit)


def test_the_unix_socket_is_the_user_s_own_and_gone_afterwards(free_dir: Path) -> None:
    async def visit(session: aiohttp.ClientSession, url: str, agent: LocalAgent) -> None:
        path = free_dir / AGENT_SOCKET
        assert path.stat().st_mode & 0o777 == 0o600
        connector = aiohttp.UnixConnector(str(path))
        async with aiohttp.ClientSession(connector=connector) as local, local.get("http://agent/api/observed") as got:
            assert got.status == 200

    visiting(free_dir, visit)
    assert not (free_dir / AGENT_SOCKET).exists()


def test_a_port_in_use_is_said_plainly(free_dir: Path) -> None:
    async def visit(session: aiohttp.ClientSession, url: str, agent: LocalAgent) -> None:
        with pytest.raises(PortTaken, match="choose another with --port"):
            async with serving(knowing(free_dir), Previews(), port=int(url.rpartition(":")[2])):
                pytest.fail("two pages on one port")

    visiting(free_dir, visit)
