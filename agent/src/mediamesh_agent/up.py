"""`mediamesh up`: planner, agent and hub in one terminal, on the same YAML as in a cluster."""

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Final

from mediamesh import folders
from mediamesh.bridge import MEDIA
from mediamesh.cli.arguments import port
from mediamesh_agent.console import Console, follow
from mediamesh_agent.hubprocess import HubSettings
from mediamesh_agent.session import session, signals
from mediamesh_agent.upgrade import ask_for_upgrade
from mediamesh_core.errors import MediameshError

PORT: Final = 8080
_EXAMPLES: Final = """examples:
  mediamesh up -f cam1.yaml                     frames flow; the page is at http://127.0.0.1:8080/
  mediamesh up -f cam1.yaml -f cam2.yaml --port 0
  mediamesh up --upgrade                        from another terminal: a fresh hub, and no frame is lost
  mediamesh up --upgrade --json | jq .lost

Edit the files while it runs: a valid plan is applied, an invalid one is reported and the old one stays.
A pod sink named "page" belongs to the page, which shows the pictures that come there.
"""


class UpCommand:
    """The `up` of the `mediamesh` program."""

    name = "up"
    help = "run connections on this machine: planner, agent and hub in one terminal"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options."""
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        parser.epilog = _EXAMPLES
        files = parser.add_argument("-f", "--file", dest="files", type=Path, action="append", default=[])
        files.metavar, files.help = "YAML", "connections; may be given several times"
        parser.add_argument("--root", type=Path, help="folder of the sockets (MEDIAMESH_DIR, else /run/mediamesh)")
        parser.add_argument("--port", type=port, default=PORT, help="of the page and /metrics on 127.0.0.1; 0: none")
        parser.add_argument("--polling", action="store_true", help="the hub polls instead of sleeping: a core for µs")
        parser.add_argument(
            "--media", type=Path, help="folder of the files that are played and recorded (MEDIAMESH_MEDIA, else .)"
        )
        parser.add_argument("--upgrade", action="store_true", help="put a fresh hub in the place of the running one")
        parser.add_argument("--json", action="store_true", help="print what --upgrade did as a JSON object")

    def run(self, args: argparse.Namespace) -> int:
        """Run until Ctrl-C; return the exit status."""
        hub = hub_settings(args.root, args.media, polling=args.polling)
        try:
            if args.upgrade:
                return asyncio.run(_upgrade(hub, as_json=args.json))
            if not args.files:
                print("mediamesh up: name at least one file with -f", file=sys.stderr)
                return 2
            return asyncio.run(_up(tuple(args.files), hub, args.port or None))
        except MediameshError as error:
            print(f"mediamesh up: {error.message}", file=sys.stderr)
            return 1


def hub_settings(root: Path | None, media: Path | None, *, polling: bool) -> HubSettings:
    """Return how the hub is started; folders that are not given are the usual ones."""
    usual = os.environ.get(MEDIA) or Path.cwd()
    return HubSettings((root or folders.root()).resolve(), Path(media or usual).resolve(), polling=polling)


async def _up(files: tuple[Path, ...], hub: HubSettings, port: int | None) -> int:
    console = Console(sys.stdout, live=sys.stdout.isatty())
    stop = asyncio.Event()
    async with session(files, hub, port=port) as (agent, bound):
        with signals(agent, stop):
            console.say(f"sockets in {hub.root}" + (f", page at http://127.0.0.1:{bound}/" if bound else ""))
            await follow(agent, console, stop)
            console.say("ending in order …")
    return 0


async def _upgrade(hub: HubSettings, *, as_json: bool) -> int:
    report = await ask_for_upgrade(hub)
    print(json.dumps(report.facts()) if as_json else "\n".join(report.lines()))
    return 1 if report.lost else 0


command = UpCommand()
