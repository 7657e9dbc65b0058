"""Taking over from a predecessor: its description and descriptors become this hub's flows, pools and attachments."""

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mediamesh_agent.hub import container, handover, stock_handover
from mediamesh_agent.hub.admission import POLICIES, Grant, Peer, RoleName
from mediamesh_agent.hub.attachment import Attachment
from mediamesh_agent.hub.errors import AttachmentEnded, HubError
from mediamesh_agent.hub.flows import Flow, LivePool
from mediamesh_agent.hub.framing import framed
from mediamesh_agent.hub.pools import Geometry, PoolMaker
from mediamesh_agent.hub.root import CONTROL_SOCKET
from mediamesh_core.states import AttachmentState
from mediamesh_native.engine import Engine
from mediamesh_native.pool import Pool, RingRegion
from mediamesh_native.stockrings import StockRings
from mediamesh_protos import handover_pb2, hub_pb2, plan_pb2

_ROLES: dict[str, RoleName] = {"source": "source", "sink": "sink"}


@dataclass(slots=True)
class Inheritance:
    """What a successor starts with."""

    state: handover_pb2.HandoverState
    engine: Engine
    flows: list[Flow]
    lock: int
    control: socket.socket
    doors: dict[str, socket.socket]
    stock_doors: dict[tuple[str, str], socket.socket]


@dataclass(slots=True)
class _Rebuilding:
    fds: list[int]
    maker: PoolMaker
    flows: list[Flow] = field(default_factory=list)
    pools: dict[tuple[int, int], Pool] = field(default_factory=dict)
    rings: dict[int, RingRegion | StockRings] = field(default_factory=dict)

    def socket(self, place: int) -> socket.socket:
        sock = socket.socket(fileno=self.fds[place])
        sock.setblocking(False)
        return sock

    def flow(self, described: handover_pb2.HandoverFlow, plan: plan_pb2.FlowPlan) -> None:
        flow = Flow(plan, described.number, self.maker, current=described.current, generation=described.generation)
        flow.frames_before, flow.bytes_before = described.frames_before, described.bytes_before
        for pool in described.pools:
            self._pool(flow, pool)
        for attachment in described.attachments:
            flow.attachments[attachment.attachment] = self._attachment(flow, attachment)
        self.flows.append(flow)

    def _pool(self, flow: Flow, described: handover_pb2.HandoverPool) -> None:
        geometry = Geometry(described.frames, described.capacity, described.huge_pages)
        live = LivePool(self.maker.adopt(geometry, self.fds[described.memory]), geometry)
        if described.region:
            flow.pools[described.region] = live
            self.pools[flow.number, described.region] = live.pool
        else:
            flow.spare = live

    def _attachment(self, flow: Flow, described: handover_pb2.HandoverAttachment) -> Attachment:
        rings = self._rings(described)
        self.rings[described.engine] = rings
        self.maker.lent += described.stock.lent
        return Attachment(
            number=described.attachment,
            grant=_grant(flow, described),
            peer=Peer(described.folder, described.pid),
            client=described.client,
            socket=self.socket(described.socket),
            rings=rings,
            wait_for_sinks=described.wait_for_sinks,
            reattached=described.reattached,
            engine=described.engine,
            state=AttachmentState.ATTACHED,
            unacknowledged=list(described.unacknowledged),
            last_word=_last_word(described),
            shared=described.stock.shared,
            lent=described.stock.lent,
        )

    def _rings(self, described: handover_pb2.HandoverAttachment) -> RingRegion | StockRings:
        if described.HasField("stock"):
            return stock_handover.rebuild(described.stock, described.role, self.fds)
        return RingRegion(
            described.queue,
            fd=self.fds[described.rings],
            s2m_signal=self.fds[described.s2m_signal],
            m2s_event=self.fds[described.m2s_event],
        )


def take(root: Path, maker: PoolMaker, *, polling: bool, or_end: bool = False) -> Inheritance:
    """Ask the hub on `root` for everything it has.

    The engine is thawed, not started, and the predecessor is gone when this returns. Whatever is raised instead, the
    predecessor goes on; this process should then leave without touching what it was given. With `or_end` a predecessor
    of another version refuses and goes down.

    Raises
    ------
    HubError
        There is no hub to take over from, or it did not hand over; HandoverVersion: its version is another.
    """
    with connect(root, handover.PREPARATION) as sock:
        try:
            return _take(sock, maker, polling=polling, or_end=or_end)
        except (OSError, EOFError, KeyError, ValueError) as error:
            text = f"the running hub did not hand over: {error!r}"
            raise handover.HandoverFailed("HandoverFailed", text) from error


def _take(sock: socket.socket, maker: PoolMaker, *, polling: bool, or_end: bool) -> Inheritance:
    version, place = handover.STATE_VERSION, container.identity()
    request = hub_pb2.Handover(state_version=version, container=place, or_end=or_end, stock=True)
    sock.sendall(framed(hub_pb2.HubRequest(handover=request)))
    reply = handover.receive(sock, hub_pb2.HubReply)
    sock.settimeout(2 * handover.PATIENCE)
    if reply.WhichOneof("reply") != "done":
        raise HubError(reply.refused.reason or "HandoverFailed", reply.refused.message or "the running hub will not")
    state = _state(sock)
    rebuilding = _Rebuilding(handover.receive_fds(sock, state.descriptors), maker)
    plans = {plan.connection: plan for plan in state.plan.flows}
    for flow in state.flows:
        rebuilding.flow(flow, plans[flow.connection])
    lock, control = rebuilding.fds[state.lock], rebuilding.socket(state.control)
    doors = {door.folder: rebuilding.socket(door.listener) for door in state.doors}
    stock_doors = {(door.folder, door.socket): rebuilding.socket(door.listener) for door in state.stock_doors}
    handover.say(sock, handover.Step.READY)
    frozen = json.loads(handover.receive(sock, handover_pb2.EngineState).state)
    engine = Engine.thaw(frozen, rebuilding.pools, rebuilding.rings, polling=polling)
    handover.say(sock, handover.Step.TAKEN)
    handover.expect(sock, handover.Step.GO)
    return Inheritance(state, engine, rebuilding.flows, lock, control, doors, stock_doors)


def _state(sock: socket.socket) -> handover_pb2.HandoverState:
    state = handover.receive(sock, handover_pb2.HandoverState)
    if state.version != handover.STATE_VERSION:
        versions = f"the running hub hands over version {state.version}, this one takes {handover.STATE_VERSION}"
        text = f"{versions}: restart it instead"
        raise HubError("HandoverVersion", text)
    return state


def connect(root: Path, patience: float) -> socket.socket:
    """Return a connection to the hub that runs on `root`; raises HubError if there is none."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(patience)
    try:
        with _folder(root) as fd:
            sock.connect(f"/proc/self/fd/{fd}/{CONTROL_SOCKET}")
    except OSError as error:
        sock.close()
        raise HubError("NoHub", f"there is no hub on {root}: {error.strerror}") from error
    return sock


@contextlib.contextmanager
def _folder(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def _last_word(described: handover_pb2.HandoverAttachment) -> AttachmentEnded | None:
    if not described.HasField("last_word"):
        return None
    return AttachmentEnded(described.last_word.reason, described.last_word.message)


def _grant(flow: Flow, described: handover_pb2.HandoverAttachment) -> Grant:
    return Grant(
        connection=flow.name,
        endpoint=described.endpoint,
        role=_ROLES[described.role],
        kind=described.kind,
        queue=described.queue,
        policy=POLICIES.get(described.policy),
    )
