"""Log records as JSON, the same members in every process that asks for them."""

import json
import logging


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
