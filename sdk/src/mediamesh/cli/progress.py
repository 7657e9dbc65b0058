"""A line on a terminal's standard error that tells how far it is; nothing where stderr is no terminal.

The line is cut at the terminal's width, because one that wraps cannot be drawn over. The rate counts from the first
frame: how long it took to attach is no property of the flow.
"""

import os
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

EVERY = 0.1
WIDTH = 24
DEFAULT_COLUMNS = 80


class Progress:
    """Counts frames; with a total of frames, or of seconds from the first one on, it draws a bar.

    Either may be set later, when it is known.
    """

    def __init__(
        self,
        what: str,
        total: int | None = None,
        *,
        seconds: float | None = None,
        out: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.frames = 0
        self.bytes = 0
        self._what = what
        self.total = total
        self.seconds = seconds
        self._out = sys.stderr if out is None else out
        self._clock = clock
        self._begun = self._shown = clock()  # begun: when the first frame came
        self._live = self._out.isatty()

    def count(self, length: int) -> None:
        """One more frame of so many bytes."""
        if not self.frames:
            self._begun = self._clock()
        self.frames += 1
        self.bytes += length
        if self._live and self._clock() - self._shown >= EVERY:
            self._show()

    def line(self) -> str:
        """Return what is shown."""
        seconds = self._clock() - self._begun
        rate = f"{(self.frames - 1) / seconds:.1f}/s" if self.frames > 1 and seconds > 0 else "-/s"
        text = f"{self._what}: {self.frames} frames, {self.bytes / 1e6:.1f} MB, {rate}"
        if self.total is not None:
            return f"{text} {_bar(self.frames, self.total)} {self.total}"
        if self.seconds is not None:
            return f"{text} {_bar(seconds if self.frames else 0, self.seconds)} {self.seconds:g} s"
        return text

    def __enter__(self) -> Self:
        if self._live:
            self._show()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live:
            self._show()
            self._out.write("\n")

    def _show(self) -> None:
        self._shown = self._clock()
        self._out.write(f"\r\x1b[K{self.line()[: _columns(self._out) - 1]}")
        self._out.flush()


def _bar(done: float, total: float) -> str:
    marks = min(WIDTH, int(WIDTH * done / total)) if total else WIDTH
    return f"[{'#' * marks}{'.' * (WIDTH - marks)}]"


def _columns(out: TextIO) -> int:
    try:
        return os.get_terminal_size(out.fileno()).columns or DEFAULT_COLUMNS
    except OSError:  # it is a terminal only in name
        return DEFAULT_COLUMNS
