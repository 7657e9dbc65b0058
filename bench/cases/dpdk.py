"""Two stock DPDK programs with the hub between them, and without it.

The sender connects to a socket of the hub, the hub connects to the receiver's socket; both testpmds copy, and the hub
copies once from the sender into a pool and once more to the receiver, which may not map the pool. A testpmd that
forwards polls its ring without a pause, so its CPU time is the time; what the hub adds is its own.
"""

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.calm import Calm
from bench.mesh import Flow, Mesh
from bench.outcome import Outcome
from bench.testpmd import INTERFACE, SHAPES, Shape, Testpmd, testpmd
from bench.turns import in_turns, spread
from mediamesh_protos import plan_pb2

WARM = 0.5
SECONDS = 1.5
ROUNDS = 3
QUEUE = 512

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class WireFlow(Flow):
    """A flow between two stock peers."""

    def plan(self) -> plan_pb2.FlowPlan:
        """Return the instruction: the source's peer connects to us, we connect to the sink's."""
        plan = super(WireFlow, self).plan()
        plan.source.endpoint.CopyFrom(_peer("client", "in.sock"))
        plan.sinks[0].endpoint.CopyFrom(_peer("server", "out.sock"))
        return plan


def _peer(role: str, socket: str) -> plan_pb2.EndpointPlan:
    memif = plan_pb2.MemifPlan(role=role, socket=socket, id=INTERFACE, access="copy", rings=1)
    return plan_pb2.EndpointPlan(kind="memif", memif=memif)


def run(calm: Calm) -> Outcome:
    """Both lengths, directly and through the hub, in turns."""
    results = {}
    for shape in SHAPES:
        with _through_hub(shape) as through, _directly(shape) as direct:
            results[shape.length] = in_turns(ROUNDS, {"hub": through, "direct": direct}, calm)
    return _judge(results)


@contextlib.contextmanager
def _through_hub(shape: Shape) -> Iterator[Callable[[], Figures]]:
    flow = WireFlow("wire", shape.buffer, queue=QUEUE, policy="block")
    with Mesh(flow) as mesh, contextlib.ExitStack() as stack:
        folder = Path(mesh.folder)
        receiver = stack.enter_context(testpmd(mesh.root, "server", folder / "out.sock", shape))
        sender = stack.enter_context(testpmd(mesh.root, "client", folder / "in.sock", shape))
        yield _contestant(sender, receiver, mesh)


@contextlib.contextmanager
def _directly(shape: Shape) -> Iterator[Callable[[], Figures]]:
    with Mesh() as folder_only, contextlib.ExitStack() as stack:
        socket = folder_only.root / "direct.sock"
        receiver = stack.enter_context(testpmd(folder_only.root, "server", socket, shape))
        sender = stack.enter_context(testpmd(folder_only.root, "client", socket, shape))
        yield _contestant(sender, receiver, None)


def _contestant(sender: Testpmd, receiver: Testpmd, mesh: Mesh | None) -> Callable[[], Figures]:
    sender.await_link()
    receiver.await_link()

    def cpu() -> dict[str, float]:
        hub = mesh.cpu() if mesh else 0.0
        return {"hub": hub, "all": hub + sender.cpu() + receiver.cpu()}

    def turn() -> Figures:
        receiver.start()
        sender.start()
        time.sleep(WARM)
        before, packets, started = cpu(), receiver.packets(), time.monotonic()
        time.sleep(SECONDS)
        packets, seconds = receiver.packets() - packets, time.monotonic() - started
        after = cpu()
        sender.stop()
        receiver.stop()
        spent = {f"{who}_ns": (after[who] - before[who]) * 1e9 / max(packets, 1) for who in after}
        return {"rate": packets / seconds, **spent}

    return turn


def _judge(results: dict[int, dict[str, list[Figures]]]) -> Outcome:
    def median(length: int, who: str, what: str) -> float:
        return statistics.median(each[what] for each in results[length][who])

    small, large = (shape.length for shape in SHAPES)
    texts = [
        f"{length} B: {median(length, 'hub', 'rate') / 1e3:.0f} thousand/s "
        f"(directly {median(length, 'direct', 'rate') / 1e3:.0f}), "
        f"{median(length, 'hub', 'all_ns'):.0f} against {median(length, 'direct', 'all_ns'):.0f} ns of CPU per packet, "
        f"{median(length, 'hub', 'hub_ns'):.0f} of them the hub's"
        for length in (small, large)
    ]
    details: dict[str, Any] = {
        f"{length} B, {who}": {what: spread([each[what] for each in rounds], 0) for what in rounds[0]}
        for length, turns in results.items()
        for who, rounds in turns.items()
    }
    return Outcome(
        value=round(median(small, "hub", "all_ns")),
        unit="ns of CPU per 1500 B packet, all processes",
        holds=None,
        shown="; ".join(texts),
        limit="Two more copies, and a third busy thread where there are only two CPUs",
        peer="testpmd to testpmd",
        peer_value=round(median(small, "direct", "all_ns")),
        details=details,
    )
