"""The sub-commands of `mediamesh`: ours, and those that other distributions register.

An entry point of the group `mediamesh.commands` names an object with the attributes of `Command`; its own name is
the name of the sub-command. Only the command that is asked for is imported, so that `mediamesh list`
does not wait for the imports of `mediamesh up`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

GROUP = "mediamesh.commands"
BUILT_IN = {
    "list": "mediamesh.cli.listing",
    "top": "mediamesh.cli.top",
    "send": "mediamesh.cli.sending",
    "receive": "mediamesh.cli.receiving",
    "snapshot": "mediamesh.cli.snapshot",
    "validate": "mediamesh.cli.validating",
}


class Command(Protocol):
    """One sub-command."""

    @property
    def help(self) -> str:
        """One line for `mediamesh --help`."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options; may set the parser's description and epilog."""

    def run(self, args: Namespace) -> int:
        """Do it and return the exit status; errors that are raised are told in one line, with status 1."""


def loaders() -> dict[str, Callable[[], Command]]:
    """Return for each name what imports the command."""
    found: dict[str, Callable[[], Command]] = {
        point.name: cast("Callable[[], Command]", point.load) for point in entry_points(group=GROUP)
    }
    return found | {name: _built_in(module) for name, module in BUILT_IN.items()}


def _built_in(module: str) -> Callable[[], Command]:
    def load() -> Command:
        return cast("Command", importlib.import_module(module).command)

    return load
