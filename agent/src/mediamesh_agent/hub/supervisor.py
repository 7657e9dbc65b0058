"""Supervision of bridges: one process per bridge endpoint of the plan, started again when it ends badly.

Bridges are the hub's children but not its hostages: each is in a session of its own and holds a lock for as long as it
lives, so a hub that starts anew finds it at work and adopts it. The name of the lock says which endpoint it serves
and with which settings; a process whose lock is not in the plan is told to end. How a bridge moves from state
to state is `mediamesh_core.states.BRIDGE`; here is what is done in each.
"""

import asyncio
import logging
import signal
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from mediamesh_agent.hub.bridge_process import BridgeProcess, Instruction, Launcher, lock_holder
from mediamesh_core.states import BRIDGE, BridgeEvent, BridgeState
from mediamesh_protos import hub_pb2

log = logging.getLogger(__name__)

FIRST_BACKOFF = 0.1
LONGEST_BACKOFF = 10.0
GOOD_RUN = 10.0
PATIENCE = 5.0


class SupervisedBridge:
    """One endpoint's bridge."""

    def __init__(self, instruction: Instruction, launcher: Launcher) -> None:
        self.instruction = instruction
        self.state: BridgeState = BRIDGE.initial
        self.restarts = 0
        self.last_error = ""
        self.process: BridgeProcess | None = None
        self._launcher = launcher
        self._loop = asyncio.get_running_loop()
        self._backoff = FIRST_BACKOFF
        self._patience = PATIENCE
        self._since = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._ended = asyncio.Event()

    @property
    def pid(self) -> int:
        """Of the process; 0 if there is none."""
        return self.process.pid if self.process else 0

    def want(self, instruction: Instruction) -> None:
        """Run, with these settings."""
        if self.process is None and instruction != self.instruction:
            self._launcher.clean(self.instruction)
        self.instruction = instruction
        self.on(BridgeEvent.WANTED)

    def resume(self) -> None:
        """Run, unless it was done for good under an earlier hub."""
        if self._launcher.has_finished(self.instruction):
            log.info("%s: was done for good before this hub came", self.instruction)
        else:
            self.on(BridgeEvent.WANTED)

    def on(self, event: BridgeEvent) -> None:
        """Take an event and do what the new state asks for."""
        before, self.state = self.state, BRIDGE.after(self.state, event)
        if self.state is before:
            return
        match self.state:
            case BridgeState.STARTING:
                self._start()
            case BridgeState.STOPPING | BridgeState.REPLACING:
                self._ask_to_end()
            case BridgeState.BACKOFF:
                self._timer = self._loop.call_later(self._backoff, self.on, BridgeEvent.BACKOFF_OVER)
                self._backoff = min(2 * self._backoff, LONGEST_BACKOFF)
            case BridgeState.STOPPED:
                self._cancel_timer()

    def adopt(self, process: BridgeProcess) -> None:
        """Take a process of an earlier hub under supervision."""
        self._watch(process)
        self.on(BridgeEvent.ADOPTED)
        log.info("%s: adopted process %d", self.instruction, process.pid)

    def _start(self) -> None:
        self._cancel_timer()
        adopted = self._launcher.adopt(self.instruction)
        if adopted is not None:
            self.adopt(adopted)
            return
        try:
            process = self._launcher.spawn(self.instruction)
        except OSError as error:
            self.last_error = f"cannot be started: {error}"
            log.warning("%s: %s", self.instruction, self.last_error)
            self.on(BridgeEvent.EXITED_BADLY)
            return
        self._watch(process)
        self.on(BridgeEvent.STARTED)
        log.info("%s: started process %d", self.instruction, process.pid)

    def _watch(self, process: BridgeProcess) -> None:
        self.process = process
        self._ended.clear()
        self._since = self._loop.time()
        process.watch(self._loop, lambda: self._on_exit(process))

    def _on_exit(self, process: BridgeProcess) -> None:
        code = process.finish(self._loop)
        self.last_error = "" if code == 0 else _why(code, process.last_error)
        self.process = None
        if process.lock != self._launcher.lock(self.instruction):
            self._launcher.remove(process.lock)
        self._cancel_timer()
        if code == 0:
            log.info("%s: is done", self.instruction)
        else:
            log.warning("%s: ended: %s", self.instruction, self.last_error)
        if self._loop.time() - self._since >= GOOD_RUN:
            self._backoff = FIRST_BACKOFF
        self._ended.set()
        wanted = self.state not in {BridgeState.STOPPING, BridgeState.STOPPED}
        self.restarts += wanted and code != 0
        self.on(BridgeEvent.EXITED_OK if code == 0 else BridgeEvent.EXITED_BADLY)

    def _ask_to_end(self) -> None:
        if self.process is None:
            return
        self._cancel_timer()
        self.process.signal(signal.SIGTERM)
        self._timer = self._loop.call_later(self._patience, self.process.kill)

    async def gone(self, patience: float) -> None:
        """Have it end for good; after `patience` seconds by force."""
        asked_before = self.state is BridgeState.STOPPING
        self._patience = patience
        self.on(BridgeEvent.UNWANTED)
        if self.process is None:
            return
        if asked_before:
            self._ask_to_end()
        await self._ended.wait()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def let_go(self) -> None:
        """Stop looking at the process and leave it alone: a successor has it."""
        self._cancel_timer()
        if self.process is not None:
            self.process.let_go(self._loop)

    def observed(self) -> hub_pb2.ObservedBridge:
        """Return what is."""
        return hub_pb2.ObservedBridge(
            connection=self.instruction.connection,
            endpoint=self.instruction.endpoint,
            bridge=self.instruction.bridge,
            pid=self.pid,
            state=self.state,
            restarts=self.restarts,
            last_error=self.last_error,
        )


def _why(code: int | None, last_line: str) -> str:
    """Return why a process has failed: its last line on stderr, unless a signal gave it no time to say anything."""
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return last_line or ("it did not say why" if code is None else f"status {code}")


class Supervisor:
    """All bridges of the plan."""

    def __init__(self, folder: Path, launcher: Launcher) -> None:
        self._folder = folder
        self._launcher = launcher
        self._bridges: dict[tuple[str, str], SupervisedBridge] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    def pid_of(self, connection: str, endpoint: str) -> int:
        """Return the pid of an endpoint's bridge, 0 if none runs."""
        bridge = self._bridges.get((connection, endpoint))
        return bridge.pid if bridge else 0

    def attached(self, connection: str, endpoint: str) -> None:
        """Learn that a bridge has attached to its flow."""
        bridge = self._bridges.get((connection, endpoint))
        if bridge is not None and bridge.process is not None:
            bridge.on(BridgeEvent.ATTACHED)

    def arrange(self, wanted: Iterable[Instruction]) -> None:
        """Have exactly these bridges run."""
        instructions = {(one.connection, one.endpoint): one for one in wanted}
        for key in self._bridges.keys() - instructions.keys():
            self._dismiss(self._bridges.pop(key))
        for key, instruction in instructions.items():
            bridge = self._bridges.get(key)
            if bridge is None:
                self._bridges[key] = bridge = SupervisedBridge(instruction, self._launcher)
                bridge.resume()
            elif bridge.instruction != instruction:
                bridge.want(instruction)

    def _dismiss(self, bridge: SupervisedBridge) -> None:
        task = asyncio.get_running_loop().create_task(self._end(bridge, PATIENCE))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _end(self, bridge: SupervisedBridge, patience: float) -> None:
        await bridge.gone(patience)
        self._launcher.clean(bridge.instruction)

    def restart(self, connection: str, endpoint: str) -> bool:
        """End a bridge's process so that a new one starts; False if there is no such bridge."""
        bridge = self._bridges.get((connection, endpoint))
        if bridge is None:
            return False
        bridge.on(BridgeEvent.RESTART)
        return True

    def dismiss_strangers(self) -> None:
        """Tell processes that hold a lock the plan does not know to end, and remove locks that nobody holds."""
        known = {self._launcher.lock(bridge.instruction) for bridge in self._bridges.values()}
        for lock in self._folder.glob("*.lock"):
            if lock in known:
                continue
            pid = lock_holder(lock)
            if pid:
                log.warning("process %d serves an endpoint that is no longer in the plan: it is told to end", pid)
                self._launcher.send_away(pid, lock)
            else:
                self._launcher.remove(lock)

    async def stop(self, role: str, patience: float, *, done_too: bool = True) -> None:
        """End all bridges of a role: politely, then by force. May be called again, with less patience.

        With `done_too` false those are still known that are done for good.
        """
        leaving = {
            key: bridge
            for key, bridge in self._bridges.items()
            if bridge.instruction.role == role and (done_too or bridge.state is not BridgeState.STOPPED)
        }
        await asyncio.gather(*(self._end(bridge, patience) for bridge in leaving.values()))
        for key in leaving:
            self._bridges.pop(key, None)
        await asyncio.gather(*self._leaving)

    def let_go(self) -> None:
        """Leave all processes to a successor."""
        for bridge in self._bridges.values():
            bridge.let_go()

    def observed(self) -> Sequence[hub_pb2.ObservedBridge]:
        """Return what is."""
        return [bridge.observed() for bridge in self._bridges.values()]

    def restore(
        self, bridges: Iterable[hub_pb2.ObservedBridge], find: Callable[[str, str], Instruction | None]
    ) -> None:
        """Go on with a predecessor's bridges, before the first `arrange`; where their pid is 0 with new processes."""
        for observed in bridges:
            instruction = find(observed.connection, observed.endpoint)
            if instruction is None:
                continue
            bridge = SupervisedBridge(instruction, self._launcher)
            bridge.restarts, bridge.last_error = observed.restarts, observed.last_error
            self._bridges[observed.connection, observed.endpoint] = bridge
            process = self._launcher.adopt(instruction, observed.pid)
            if process is not None:
                bridge.adopt(process)
            elif observed.state != BridgeState.STOPPED:
                bridge.resume()


def forget_pids(bridges: Iterable[hub_pb2.ObservedBridge]) -> None:
    """Say of bridges of another container what can be said of them here: how they were, but not which process."""
    for bridge in bridges:
        bridge.pid = 0
