"""An actor's own side: read a command, do it, answer; see `bench.actor`."""

import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any


def obey(make: Callable[..., AbstractContextManager[Any]]) -> None:
    """Make the actor with the settings of the command line, say so, and do what stdin says until its end."""
    with make(**json.loads(sys.argv[1])) as actor:
        _answer(None)
        for line in sys.stdin:
            command, arguments = json.loads(line)
            _answer(getattr(actor, command)(**arguments))


def _answer(value: Any) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()
