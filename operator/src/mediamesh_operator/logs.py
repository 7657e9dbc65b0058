"""Logs as JSON, one object per line: what happened, and the names it happened to."""

import logging
import sys

from pythonjsonlogger.json import JsonFormatter

_QUIET = ("kopf", "aiohttp.access", "kubernetes")


def configure(level: str) -> None:
    """Write the logs of the process to stderr from `level` on; libraries only when something is wrong."""
    handler = logging.StreamHandler(sys.stderr)
    renamed = {"levelname": "level", "name": "logger", "exc_info": "exception"}
    handler.setFormatter(JsonFormatter("%(levelname)s %(name)s %(message)s", rename_fields=renamed, timestamp="time"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
