"""The log: one line per decision, for people or, as JSON with the same fields everywhere, for machines."""

import logging
import sys

from mediamesh_core.jsonlines import JsonLines


def set_up(*, as_json: bool, level: str = "info") -> None:
    """Send everything from `level` on to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    people = logging.Formatter("%(asctime)s hub[%(process)d] %(levelname)s %(message)s")
    handler.setFormatter(JsonLines() if as_json else people)
    logging.basicConfig(level=level.upper(), handlers=[handler])
