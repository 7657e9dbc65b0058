"""An agent without a node: speaks to the operator as a real one does, and has a hub that carries out every plan.

Its flows are always flowing at 60 frames a second, so that the operator sees what it sees on a good day.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Self

import grpc

from mediamesh_agent.node.cadence import LONGEST, LOOK_EVERY, Cadence
from mediamesh_protos import agents_pb2, hub_pb2, plan_pb2

RATE: Final = 60
_METHOD = "/mediamesh.v1.Agents/Serve"
_RETRY = 0.5


@dataclass(slots=True)
class SimulatedAgent:
    """The agent of `node`; `token` gives what it shows, `authority` is what it trusts."""

    node: str
    address: str
    authority: Callable[[], bytes]
    token: str
    longest: float = LONGEST
    """Seconds between two reports, at most; fewer for those who would only wait for them."""
    plans: list[tuple[float, plan_pb2.NodePlan]] = field(default_factory=list)
    """With the time (monotonic) at which each came."""
    refusals: list[str] = field(default_factory=list)
    _plan: plan_pb2.NodePlan = field(default_factory=plan_pb2.NodePlan)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        """Run beside a program that knows no event loop."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        future = asyncio.run_coroutine_threadsafe(self.run(), loop)
        try:
            yield self
        finally:
            future.cancel()
            asyncio.run_coroutine_threadsafe(_drained(), loop).result(timeout=10)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    async def run(self) -> None:
        """Keep a stream open until cancelled."""
        while True:
            try:
                await self._one_stream()
            except grpc.aio.AioRpcError as error:
                self.refusals.append(error.details() or "")
            await asyncio.sleep(_RETRY)

    async def _one_stream(self) -> None:
        options = (("grpc.use_local_subchannel_pool", 1),)
        credentials = grpc.ssl_channel_credentials(self.authority())
        async with grpc.aio.secure_channel(self.address, credentials, options) as channel:
            method: Any = channel.stream_stream(_METHOD)
            call = method(metadata=(("authorization", f"Bearer {self.token}"),))
            reporting = asyncio.create_task(self._report(call))
            try:
                async for message in call:
                    self._take(agents_pb2.OperatorMessage.FromString(message).plan)
            finally:
                reporting.cancel()
                await asyncio.gather(reporting, return_exceptions=True)

    def _take(self, plan: plan_pb2.NodePlan) -> None:
        self.plans.append((time.monotonic(), plan))
        self._plan = plan
        self._news.set()

    async def _report(self, call: Any) -> None:
        facts = agents_pb2.NodeFacts(kernel="6.18.0", cpus=64, memory_bytes=2**38, bridges=["file"], sockets="hostPath")
        hello = agents_pb2.Hello(api_version=1, node=self.node, version="0.1.0", facts=facts)
        await call.write(agents_pb2.AgentMessage(hello=hello).SerializeToString())
        cadence = Cadence(self.longest)
        while True:
            self._news.clear()
            report, now = self._observed(), time.monotonic()
            if cadence.due(report, now):
                await call.write(agents_pb2.AgentMessage(report=report).SerializeToString())
                cadence.sent(report, now)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(LOOK_EVERY, self.longest)):
                    await self._news.wait()

    def _observed(self) -> agents_pb2.Report:
        clock = time.monotonic()
        hub = hub_pb2.Observed(
            version="0.1.0", started=1.0, clock=clock, revision=self._plan.revision, digest=self._plan.digest
        )
        for planned in self._plan.flows:
            frames = int(clock * RATE)
            flow = hub.flows.add(connection=planned.connection, state="Flowing", frames=frames)
            flow.attachments.add(endpoint=planned.source.name, role="source", frames=frames)
            for sink in planned.sinks:
                flow.attachments.add(endpoint=sink.name, role="sink", frames=frames, received=frames)
        return agents_pb2.Report(hub=hub)


async def _drained() -> None:
    """Wait until all other tasks of the loop have ended."""
    await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)
