"""`make demo`: the film, the page, and keys to kill parts with. `--check`: ten seconds unseen, and a verdict."""

import argparse
import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from mediamesh_agent import parts
from mediamesh_agent.console import Console, follow
from mediamesh_agent.demo import keys
from mediamesh_agent.demo.leftovers import leftovers, shared_memory
from mediamesh_agent.demo.stage import Performance, Stage, everyone_flows, performing, stage
from mediamesh_agent.demo.summary import LEGEND, table
from mediamesh_agent.demo.verdict import judge
from mediamesh_agent.ledger import Key
from mediamesh_agent.local import LocalAgent
from mediamesh_agent.session import signals
from mediamesh_core.errors import MediameshError

_START_DEADLINE = 30.0


def main() -> int:
    """Run the demo; the exit status of a check says whether it held."""
    parser = argparse.ArgumentParser(prog="python -m mediamesh_agent.demo", description=__doc__)
    parser.add_argument("--check", action="store_true", help="no page; a verdict at the end")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of a check")
    parser.add_argument("--port", type=int, default=8080, help="of the page")
    args = parser.parse_args()
    shared_before = shared_memory()
    try:
        with stage() as made:
            status = asyncio.run(_check(made, args.seconds) if args.check else _show(made, args.port))
            left = leftovers(made.root, shared_before)
    except MediameshError as error:
        print(f"demo: {error.message}", file=sys.stderr)
        return 1
    print("\n".join(left) if left else "left behind: nothing")
    return 1 if left else status


async def _check(made: Stage, seconds: float) -> int:
    stop = asyncio.Event()
    async with performing(made, port=None) as performance:
        with signals(performance.agent, stop):
            print("starting …", flush=True)
            if not await everyone_flows(performance, _START_DEADLINE):
                print("\n".join(_complaints(performance)), file=sys.stderr)
                return 1
            print(f"frames flow to every sink; checking for {seconds:g} s …", flush=True)
            await asyncio.wait([asyncio.create_task(stop.wait())], timeout=seconds)
    rows = await judge(made, performance)
    print("\n".join((*table(rows), LEGEND)))
    return 1 if any(row.failed for row in rows) else 0


def _complaints(performance: Performance) -> list[str]:
    problems = [f"{subject}: {text}" for subject, text in performance.agent.facts.problems.items()]
    all_parts = (part for flow in performance.agent.picture().flows for part in flow.parts)
    return ["frames do not come everywhere:", *problems, *(f"{p.endpoint}: {p.state} {p.detail}" for p in all_parts)]


async def _show(made: Stage, port: int) -> int:
    stop, console = asyncio.Event(), Console(sys.stdout, live=sys.stdout.isatty())
    async with performing(made, port=port) as performance:
        agent = performance.agent
        with signals(agent, stop), keys.listening(_handler(agent, stop, console)) as listens:
            console.say(f"the film is at http://127.0.0.1:{performance.port}/   (Ctrl-C ends)")
            if listens:
                console.say(keys.HELP)
            await follow(agent, console, stop)
        console.say("ending in order …")
    return 0


def _handler(agent: LocalAgent, stop: asyncio.Event, console: Console) -> keys.Handle:
    """Return what does what a key says; what goes wrong is said, not raised."""
    tasks: set[asyncio.Task[None]] = set()

    async def attempt(what: str, work: Callable[[], Coroutine[Any, Any, object]]) -> None:
        try:
            done = await work()
        except MediameshError as error:
            done = error.message
        console.say(f"{what}: {done or 'done'}")

    def handle(key: str) -> None:
        chosen = _order(agent, key)
        if key == "q":
            stop.set()
        elif chosen is not None:
            what, work = chosen
            task = asyncio.create_task(attempt(what, work))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        elif key[1:]:
            console.say(f"{key}: there is no part {key[1:]}, only 1 to {len(_parts(agent))}")

    return handle


def _order(agent: LocalAgent, key: str) -> tuple[str, Callable[[], Coroutine[Any, Any, object]]] | None:
    """Return what a key or chord asks for, None if nothing."""

    async def upgrade() -> str:
        return (await agent.upgrade()).summary()

    async def kill(part: Key) -> None:
        parts.kill(agent, part)

    if key == "u":
        return "upgrade of the hub", upgrade
    if key == "h":
        return "kill of the hub", lambda: kill(parts.HUB)
    part = _numbered(agent, key[1:])
    if part is None:
        return None
    if key[0] == "k":
        return f"kill of {part[1]}", lambda: kill(part)
    return f"restart of {part[1]}", lambda: parts.restart(agent, part)


def _numbered(agent: LocalAgent, digit: str) -> Key | None:
    """Return the part with that number, as page and terminal count them."""
    keys_of_parts = _parts(agent)
    number = int(digit) if digit.isdecimal() else 0
    return keys_of_parts[number - 1] if 0 < number <= len(keys_of_parts) else None


def _parts(agent: LocalAgent) -> list[Key]:
    return [(part.connection, part.endpoint) for flow in agent.picture().flows for part in flow.parts]


if __name__ == "__main__":
    sys.exit(main())
