"""The hub as a whole: its parts put together, its requests answered, its end in the right order.

The end: nobody new is let in, the bridges that feed flows finish, applications that feed them are told, the sinks get
what is still under way, the bridges that record close their files, then the other applications are told, then memory
goes. Each step is bounded; a second SIGTERM skips the waiting.
"""

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from mediamesh_agent.hub import container, handover, parting, plan_file, renewal
from mediamesh_agent.hub.apply import Applier, instructions
from mediamesh_agent.hub.attachment import Attachment
from mediamesh_agent.hub.book import Book
from mediamesh_agent.hub.bridge_process import Launcher
from mediamesh_agent.hub.cgroup import Guard
from mediamesh_agent.hub.control import Control
from mediamesh_agent.hub.door import Doors
from mediamesh_agent.hub.errors import AttachmentEnded, HubError
from mediamesh_agent.hub.observe import Identity, observe
from mediamesh_agent.hub.pools import PoolMaker
from mediamesh_agent.hub.root import CONTROL_BACKLOG, CONTROL_SOCKET, Root
from mediamesh_agent.hub.service import Service
from mediamesh_agent.hub.stock import StockLinks
from mediamesh_agent.hub.stock_endpoint import stock_endpoints
from mediamesh_agent.hub.succession import Inheritance
from mediamesh_agent.hub.supervisor import Supervisor, forget_pids
from mediamesh_agent.hub.welcome import Welcome
from mediamesh_native.engine import Engine
from mediamesh_protos import handover_pb2, hub_pb2, plan_pb2

log = logging.getLogger(__name__)

_SETTLE = 1.0
_RECORDERS = 20.0
_FEEDERS = 5.0
LONGEST_POLITENESS = _FEEDERS + parting.IDLE + parting.DRAIN + _RECORDERS
"""Seconds that an end may take because of bridges; whoever ends a hub has to wait longer."""
_GOING_DOWN = AttachmentEnded("HubStopping", "the hub is going down")


class Hub:
    """One hub on one root."""

    def __init__(
        self, root: Root, maker: PoolMaker, guard: Guard, *, polling: bool, inheritance: Inheritance | None = None
    ) -> None:
        self.root = root
        self.identity = Identity(started=time.time())
        self.plan = plan_pb2.NodePlan()
        self.leaving = asyncio.Event()
        self.hurry = asyncio.Event()
        self.handed_over = False
        self.replaced = False
        engine = inheritance.engine if inheritance else Engine(polling=polling)
        self.supervisor = Supervisor(root.bridges, Launcher(root.path, root.bridges))
        self.service = Service(engine, maker, Book(time.time, time.monotonic))
        self.service.on_attached, self.service.guard = self._attached, guard
        self.doors = Doors(root, Welcome(self.service, self.supervisor).take)
        listener = inheritance.control if inheritance else root.listen("", CONTROL_SOCKET, 0o600, CONTROL_BACKLOG)
        self.control = Control(listener, self.answer)
        self.stock = StockLinks(root, self.service)
        self.applier = Applier(self.service, self.doors, self.supervisor, maker.budget.limit)
        self._changing = asyncio.Lock()
        if inheritance is not None:
            self._inherit(inheritance)

    def _inherit(self, inheritance: Inheritance) -> None:
        state, service = inheritance.state, self.service
        self.plan = state.plan
        self.identity.started, self.identity.handovers = state.started, state.handovers + 1
        service.last_number = state.last_attachment
        service.book.restore(state.ended)
        for flow in inheritance.flows:
            service.inherit(flow)
        for folder, listener in inheritance.doors.items():
            self.doors.adopt(folder, listener)
        for place, listener in inheritance.stock_doors.items():
            self.stock.adopt(place, listener)
        renewal.renew(service)
        told = {(one.connection, one.endpoint): one for one in instructions(self.plan.flows)}
        if state.container != container.identity():
            forget_pids(state.bridges)
        self.supervisor.restore(state.bridges, lambda connection, endpoint: told.get((connection, endpoint)))

    async def start(self) -> None:
        """Serve whoever was handed over, then carry out the last plan; only then can others come in."""
        self._resume()
        plan = self.plan if self.identity.handovers else plan_file.load(self.root)
        async with self._changing:
            self.plan = plan or self.plan
            await self._carry_out(self.plan)
        self.supervisor.dismiss_strangers()

    def _resume(self) -> None:
        """Let the engine run and the sockets be read."""
        service = self.service
        service.engine.start()
        asyncio.get_running_loop().add_reader(service.engine.event_fd, service.on_engine_event)
        service.on_engine_event()
        self.doors.open()
        self.control.open()

    def _attached(self, attachment: Attachment) -> None:
        grant = attachment.grant
        if grant.kind == "bridge":
            self.supervisor.attached(grant.connection, grant.endpoint)

    # --- requests

    async def answer(self, request: hub_pb2.HubRequest, sock: socket.socket) -> hub_pb2.HubReply | None:
        """Answer one request of the control socket."""
        kind = request.WhichOneof("request")
        answers: Mapping[str | None, Callable[[], Awaitable[hub_pb2.HubReply | None]]] = {
            "apply": lambda: self._apply(request.apply),
            "observe": self._observe,
            "shutdown": self._shutdown,
            "restart": lambda: self._restart(request.restart),
            "handover": lambda: self._hand_over(request.handover, sock),
        }
        if kind not in answers:
            raise HubError("BadRequest", "a request that this hub does not know")
        return await answers[kind]()

    async def _apply(self, plan: plan_pb2.NodePlan) -> hub_pb2.HubReply:
        async with self._changing:
            if self.leaving.is_set():
                raise HubError("HubStopping", "the hub is going down", transient=True)
            applied = await self._carry_out(plan)
            if plan != self.plan:
                self.plan = plan
                await asyncio.to_thread(plan_file.save, self.root, plan)
        return hub_pb2.HubReply(applied=applied)

    async def _carry_out(self, plan: plan_pb2.NodePlan) -> hub_pb2.Applied:
        applied = await self.applier.apply(plan)
        await self.stock.arrange(stock_endpoints(flow.plan for flow in self.service.flows.values()))
        return applied

    async def _observe(self) -> hub_pb2.HubReply:
        observed = observe(self.identity, self.plan, self.service, self.supervisor, self.applier.errors)
        return hub_pb2.HubReply(observed=observed)

    async def _shutdown(self) -> hub_pb2.HubReply:
        self.leaving.set()
        return hub_pb2.HubReply(done=hub_pb2.Done())

    async def _restart(self, request: hub_pb2.Restart) -> hub_pb2.HubReply:
        if not self.supervisor.restart(request.connection, request.endpoint):
            flow = self.service.flows.get(request.connection)
            end = AttachmentEnded("Restarted", "a person asked for a restart")
            if flow is None or not self.service.end_all(flow, end, endpoint=request.endpoint):
                text = f"nothing runs at {request.endpoint!r} of {request.connection!r}"
                raise HubError("NoSuchPart", text)
        return hub_pb2.HubReply(done=hub_pb2.Done())

    # --- handing over

    async def _hand_over(self, request: hub_pb2.Handover, sock: socket.socket) -> hub_pb2.HubReply | None:
        if request.state_version != handover.STATE_VERSION:
            if request.or_end:
                self.replaced = True
                self.leaving.set()
            text = (
                f"this hub hands over version {handover.STATE_VERSION}, not {request.state_version}: restart it instead"
            )
            raise HubError("HandoverVersion", text)
        async with self._changing:
            self._ensure_staying()
            try:
                bridges = await self._bridges_for(request.container)
                await self._come_to_rest(stock=request.stock)
                self._ensure_staying()  # what ends a hub would end its successor as well
                self._give(sock, bridges)
            finally:
                if not self.handed_over:
                    renewal.take_back(self.service)
                    self._resume()
                    await self._carry_out(self.plan)
        self.leaving.set()
        return None

    def _ensure_staying(self) -> None:
        if self.leaving.is_set():
            raise HubError("HubStopping", "the hub is going down")

    async def _bridges_for(self, successors: str) -> Sequence[hub_pb2.ObservedBridge]:
        """Describe the bridges to a successor; one in another container starts its own, so these finish first."""
        bridges = self.supervisor.observed()
        if bridges and successors != container.identity():
            await self._end_politely(done_too=False)
            forget_pids(bridges)
        return bridges

    async def _come_to_rest(self, *, stock: bool) -> None:
        """Let nobody in and nobody be half-way, and have the pools that the successor needs; frames go on."""
        await self._settle_pools(renewed=stock)
        self.doors.shut()
        self.control.shut()
        await asyncio.gather(self.stock.pause(_SETTLE) if stock else self.stock.close(), self.doors.settle(_SETTLE))
        await self._settle_pools(renewed=stock)

    async def _settle_pools(self, *, renewed: bool = False) -> None:
        if renewed:
            renewal.prepare(self.service)
        making = [flow.making for flow in self.service.flows.values() if flow.making and not flow.making.done()]
        if making:
            _, late = await asyncio.wait(making, timeout=handover.PATIENCE)
            for task in late:
                task.cancel()

    def _give(self, sock: socket.socket, bridges: Sequence[hub_pb2.ObservedBridge]) -> None:
        """Block until it is done: while a successor takes over, nothing here may change."""
        asyncio.get_running_loop().remove_reader(self.service.engine.event_fd)
        self.service.on_engine_event()
        places = handover.Descriptors()
        state = self._describe(places, bridges)
        began = time.monotonic()
        handover.give(sock, state, places.fds, self.service.engine)
        self.handed_over = True
        log.info("handed over %d descriptors in %.1f ms", len(places.fds), 1000 * (time.monotonic() - began))

    def _describe(
        self, places: handover.Descriptors, bridges: Sequence[hub_pb2.ObservedBridge]
    ) -> handover_pb2.HandoverState:
        service = self.service
        state = handover_pb2.HandoverState(
            version=handover.STATE_VERSION,
            lock=places.place(self.root.lock),
            control=places.place(self.control.listener.fileno()),
            doors=[
                handover_pb2.HandoverDoor(folder=folder, listener=places.place(listener.fileno()))
                for folder, listener in self.doors.listeners.items()
            ],
            stock_doors=[
                handover_pb2.HandoverStockDoor(folder=folder, socket=name, listener=places.place(listener.fileno()))
                for (folder, name), listener in self.stock.listeners.items()
            ],
            plan=self.plan,
            started=self.identity.started,
            handovers=self.identity.handovers,
            last_attachment=service.last_number,
            flows=[handover.describe_flow(flow, places) for flow in service.flows.values()],
            bridges=bridges,
            ended=service.book.observed(),
            container=container.identity(),
        )
        state.descriptors = len(places.fds)
        return state

    # --- the end

    async def stop(self) -> None:
        """End everything in the order that loses least."""
        async with self._changing:
            self.service.stopping = True
            self.doors.remove_all()
            await self.doors.settle(0)
            await self._unless_hurried(self._end_politely(done_too=True))
            await self._end_bridges(0.0)
            await self.stock.close()
            self._end_attachments()
            await self._settle_pools()
            await self.control.close()
            self._give_back()

    async def _end_politely(self, *, done_too: bool) -> None:
        await self.supervisor.stop("source", _FEEDERS, done_too=done_too)
        if self.service.stopping:
            await parting.end_feeding(self.service, _GOING_DOWN)
        await parting.drained(self.service)
        await self.supervisor.stop("sink", _RECORDERS, done_too=done_too)

    async def _unless_hurried(self, work: Awaitable[None]) -> None:
        working = asyncio.ensure_future(work)
        hurried = asyncio.ensure_future(self.hurry.wait())
        await asyncio.wait({working, hurried}, return_when=asyncio.FIRST_COMPLETED)
        for task in (working, hurried):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working

    async def _end_bridges(self, patience: float) -> None:
        for role in ("source", "sink"):
            await self.supervisor.stop(role, patience)

    def _end_attachments(self) -> None:
        asyncio.get_running_loop().remove_reader(self.service.engine.event_fd)
        for flow in list(self.service.flows.values()):
            self.service.remove_flow(flow, _GOING_DOWN)

    def _give_back(self) -> None:
        self.service.engine.close()
        self.service.release()
        self.root.unlink("", CONTROL_SOCKET)
        self.root.close()
