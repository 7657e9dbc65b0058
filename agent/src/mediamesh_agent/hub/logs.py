"""The log: one line per decision, for people or, as JSON with the same fields everywhere, for machines."""

import json
import logging
import sys


class JsonLines(logging.Formatter):
    """One JSON object per line; `extra={"fields": {...}}` of a record become members."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "time": record.created,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def set_up(*, as_json: bool, level: str = "info") -> None:
    """Send everything from `level` on to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    people = logging.Formatter("%(asctime)s hub[%(process)d] %(levelname)s %(message)s")
    handler.setFormatter(JsonLines() if as_json else people)
    logging.basicConfig(level=level.upper(), handlers=[handler])
