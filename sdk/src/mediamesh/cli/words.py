"""What the program says besides its result: one line each on standard error, `mediamesh: ...`.

Warnings of the libraries below (that a wait gets long, that a frame was left out) come through `logging` and look the
same. On a terminal the progress line is wiped first; it draws itself anew with the next frame.
"""

import logging
import sys

WIPE = "\r\x1b[K"


class Words(logging.Handler):
    """Writes log records the way the program writes its errors."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        say(record.getMessage())


def say(message: str) -> None:
    """Write a line for a person."""
    sys.stderr.write(f"{WIPE if sys.stderr.isatty() else ''}mediamesh: {message}\n")
    sys.stderr.flush()


def speak() -> None:
    """Let warnings be said from now on."""
    logging.basicConfig(level=logging.WARNING, handlers=[Words()])
