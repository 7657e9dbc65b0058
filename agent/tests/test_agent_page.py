"""The page in a real browser, in front of a real mesh."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from agent_browser import Tab, browsing

from mediamesh_agent.hubprocess import HubSettings
from mediamesh_agent.local import LocalAgent
from mediamesh_agent.session import session

CONNECTION = """
apiVersion: mediamesh.io/v1alpha1
kind: MediaConnection
metadata: {name: film}
spec:
  payload: {video: {width: 64, height: 32, frameRate: 25, pixelFormat: yuv420p}}
  source: {name: player, file: {path: clip.y4m}}
  sinks:
  - {name: archive, file: {path: archive.y4m}, delivery: {policy: block}}
  - {name: page, pod: {}}
  - {name: nobody, pod: {}}
"""
CLIP = b"YUV4MPEG2 W64 H32 F25:1 Ip A1:1 C420jpeg\n" + 50 * (b"FRAME\n" + b"\x80" * (64 * 32 * 3 // 2))


@asynccontextmanager
async def shown(folder: Path) -> AsyncIterator[tuple[Tab, LocalAgent]]:
    """Run a mesh with a film, and the browser on its page."""
    (folder / "media").mkdir()
    (folder / "profile").mkdir()
    (folder / "media" / "clip.y4m").write_bytes(CLIP)
    (folder / "film.yaml").write_text(CONNECTION)
    settings = HubSettings(folder / "root", folder / "media")
    async with (
        session((folder / "film.yaml",), settings, port=0) as (agent, port),
        browsing(folder / "profile", f"http://127.0.0.1:{port}/") as tab,
    ):
        yield tab, agent


def part(name: str, selector: str = "") -> str:
    """Return the JavaScript for an element of a part."""
    return f"""document.querySelector('.part[aria-label$=" {name}"] {selector}')"""


def in_state(name: str, state: str) -> str:
    return f"{part(name)}?.dataset.state === '{state}'"


async def figure(tab: Tab, name: str, word: str) -> int:
    """Return a part's number that stands behind a word."""
    text = await tab.run(f"{part(name, '.figures')}.innerText")
    found = re.search(rf"{word}\s+([\d,]+)", text)
    assert found, text
    return int(found[1].replace(",", ""))


async def grows(tab: Tab, name: str, word: str) -> None:
    """Wait until a number of a part is larger than it is now."""
    before = await figure(tab, name, word)
    while await figure(tab, name, word) <= before:
        await tab.run("new Promise((done) => requestAnimationFrame(done))")


def test_the_page_shows_everything_live_and_its_buttons_work(free_dir: Path) -> None:
    async def main() -> None:
        async with shown(free_dir) as (tab, agent), asyncio.timeout(120):
            await everything_is_there(tab)
            await numbers_change(tab)
            await a_part_is_killed_and_comes_back(tab)
            await the_hub_is_upgraded(tab, agent)
            await the_preview_has_pictures(tab)
            assert tab.errors == []

    asyncio.run(main())


async def everything_is_there(tab: Tab) -> None:
    await tab.sees(" && ".join([in_state("player", "Flowing"), in_state("archive", "Flowing")]))
    assert await tab.run(in_state("nobody", "Waiting"))
    names = "[...document.querySelectorAll('.part .name')].map((name) => name.textContent)"
    assert await tab.run(names) == ["player", "archive", "page", "nobody"]
    assert await tab.run("document.querySelector('.flow .payload').textContent") == "64x32 yuv420p 25p"
    assert await tab.run("document.querySelectorAll('.arrows .flowing').length") >= 2
    assert await tab.run(f"{part('nobody', '.kill')}.disabled")


async def numbers_change(tab: Tab) -> None:
    await grows(tab, "player", "sent")
    await grows(tab, "archive", "received")
    await tab.sees(f"parseFloat({part('archive', '.rate')}.textContent) > 0")


async def a_part_is_killed_and_comes_back(tab: Tab) -> None:
    before = await tab.run(f"{part('archive', '.client')}.textContent")
    await tab.run(f"{part('archive', '.kill')}.click()")
    await tab.sees("document.getElementById('log').textContent.includes('kill archive: done')")
    await tab.sees(f"{part('archive', '.figures')}.textContent.includes('restarts1')")
    await tab.sees(in_state("archive", "Flowing"))
    assert await tab.run(f"{part('archive', '.client')}.textContent") != before
    await grows(tab, "archive", "received")


async def the_hub_is_upgraded(tab: Tab, agent: LocalAgent) -> None:
    assert agent.hub
    before = agent.hub.pid
    await tab.run("document.getElementById('upgrade').click()")
    await tab.sees(f"!document.getElementById('hub').textContent.includes('pid {before}')")
    await grows(tab, "archive", "received")


async def the_preview_has_pictures(tab: Tab) -> None:
    size = "((image) => [image.naturalWidth, image.naturalHeight])(document.querySelector('.preview img'))"
    assert await tab.sees(f"{size}[0] ? {size} : null")


@pytest.mark.parametrize("key", ["k", "r"])
def test_keys_do_what_the_buttons_do(free_dir: Path, key: str) -> None:
    async def main() -> None:
        async with shown(free_dir) as (tab, _), asyncio.timeout(120):
            await tab.sees(in_state("archive", "Flowing"))
            await tab.run("document.dispatchEvent(new KeyboardEvent('keydown', {key: '2'}))")
            assert await tab.run("document.activeElement.querySelector('.name').textContent") == "archive"
            await tab.run(f"document.dispatchEvent(new KeyboardEvent('keydown', {{key: '{key}'}}))")
            word = {"k": "kill", "r": "restart"}[key]
            await tab.sees(f"document.getElementById('log').textContent.includes('{word} archive: done')")

    asyncio.run(main())
