"""Single keys from the terminal: `k` and a digit kills a part, and so on; the terminal is put back at the end."""

import asyncio
import contextlib
import os
import sys
import termios
import tty
from collections.abc import Callable, Iterator

Handle = Callable[[str], None]
HELP = "keys: k1 … k9 kill a part, r1 … r9 restart it, u upgrade the hub, h kill it, q quit"


class Chords:
    """Joins `k` or `r` with the digit that follows; other keys stand alone."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._first = ""

    def press(self, key: str) -> None:
        """Take one key."""
        if self._first and key.isdecimal():
            self._handle(self._first + key)
            self._first = ""
        elif key in ("k", "r"):
            self._first = key
        else:
            self._first = ""
            self._handle(key)


@contextlib.contextmanager
def listening(handle: Handle) -> Iterator[bool]:
    """Call `handle` for each key or chord while the context lasts; gives False where there is no terminal."""
    if not sys.stdin.isatty():
        yield False
        return
    descriptor, chords, loop = sys.stdin.fileno(), Chords(handle), asyncio.get_running_loop()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    loop.add_reader(descriptor, _read, descriptor, chords)
    try:
        yield True
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _read(descriptor: int, chords: Chords) -> None:
    for key in os.read(descriptor, 64).decode(errors="ignore"):
        chords.press(key)
