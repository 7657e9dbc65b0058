"""The engine's thread and its lock: a layer of `mediamesh_native.engine.Engine`."""

from typing import NamedTuple

class EngineCounters(NamedTuple):
    """Totals of one engine, and of those it took over from."""

    cpu_seconds: float
    wakeups: int
    signals: int
    bytes_copied: int

class EngineThread:
    running: bool
    closed: bool
    event_fd: int
    def __init__(self, *, polling: bool = False) -> None: ...
    def start(self) -> None:
        """Start (or, after `freeze`, resume) the thread."""
    def engine_counters(self) -> EngineCounters: ...
    def check_stuck(self, older_than_ns: int = 20_000_000) -> bool:
        """Interrupt a signal to a stock peer that has blocked the engine for so long; True if there was one."""
