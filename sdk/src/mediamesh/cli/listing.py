"""`mediamesh list`: the connections of this hub and who is attached."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mediamesh.cli.observing import add_root, flow_facts
from mediamesh.cli.table import aligned
from mediamesh.hubclient import HubClient
from mediamesh_core.formats import from_json, label

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from mediamesh_protos import hub_pb2

HEADER = ("CONNECTION", "STATE", "FRAMES", "SOURCE", "SINKS", "PAYLOAD")
EXAMPLES = """examples:
  mediamesh list
  mediamesh list --json | jq '.[].connection'
"""


class ListCommand:
    """Lists flows."""

    help = "list the connections of this hub"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.epilog = EXAMPLES
        parser.add_argument("--json", action="store_true", help="print a JSON array with all details")
        add_root(parser)

    def run(self, args: Namespace) -> int:
        """Print the list."""
        with HubClient(args.root) as hub:
            flows = hub.observe().flows
        if args.json:
            print(json.dumps([flow_facts(flow) for flow in flows], indent=2))
        else:
            print("\n".join(aligned(HEADER, [_row(flow) for flow in flows])))
        return 0


def _row(flow: hub_pb2.ObservedFlow) -> tuple[object, ...]:
    source = next((end.client for end in flow.attachments if end.role == "source"), "-")
    sinks = sum(end.role == "sink" for end in flow.attachments)
    state = f"{flow.state} ({flow.reason})" if flow.reason else flow.state
    return flow.connection, state, flow.frames, source, sinks, label(from_json(flow.payload)) if flow.payload else "-"


command = ListCommand()
