"""An operator for the tests of a node's agent: a real server with real TLS, which says what a test tells it to."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
from mediamesh_testing.waiting import eventually

from mediamesh_agent.agent import Agent
from mediamesh_agent.control import HubControl
from mediamesh_agent.node.received import Received
from mediamesh_agent.node.stream import OperatorStream, Place
from mediamesh_operator import certificates
from mediamesh_protos import agents_pb2, hub_pb2, plan_pb2

NODE = "node-a"
_digests = itertools.count(1)


def planned(*flows: plan_pb2.FlowPlan, node: str = NODE, pods: tuple[str, ...] = ()) -> plan_pb2.NodePlan:
    """A plan as the operator sends it; the digest is only a different one for each."""
    digest = f"{next(_digests):064x}"
    return plan_pb2.NodePlan(node=node, revision=1, flows=flows, digest=digest, pods=pods, cluster=True)


class Stream:
    """One agent's stream, from the operator's side."""

    def __init__(self, context: Any) -> None:
        self.token = dict(context.invocation_metadata())["authorization"]
        self.hello: agents_pb2.Hello | None = None
        self.reports: list[agents_pb2.Report] = []
        self._context = context
        self._over = asyncio.Event()

    async def serve(self) -> None:
        reading = asyncio.ensure_future(self._read())
        over = asyncio.ensure_future(self._over.wait())
        await asyncio.wait({reading, over}, return_when=asyncio.FIRST_COMPLETED)
        for task in (reading, over):
            task.cancel()

    async def _read(self) -> None:
        while isinstance(data := await self._context.read(), bytes):
            message = agents_pb2.AgentMessage.FromString(data)
            if message.HasField("hello"):
                self.hello = message.hello
            else:
                self.reports.append(message.report)

    async def plan(self, plan: plan_pb2.NodePlan) -> None:
        message = agents_pb2.OperatorMessage(plan=plan)
        await self._context.write(message.SerializeToString())

    def end(self) -> None:
        self._over.set()

    async def said(self, condition: Callable[[agents_pb2.Report], object], what: str) -> None:
        """Wait until the last report is as wanted."""
        await eventually(lambda: self.reports and condition(self.reports[-1]), lambda: f"{what}: {self.reports[-1:]}")


class Operator:
    """Serves agents on a port of its own; what they need to come is written below `folder`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.ca, self.token = folder / "ca.crt", folder / "token"
        self.token.write_text("first\n")
        self.streams: list[Stream] = []
        self.refusal: tuple[grpc.StatusCode, str] | None = None
        self.port = 0

    @contextlib.asynccontextmanager
    async def listening(self, name: str = "127.0.0.1") -> AsyncIterator[None]:
        """Listen with a certificate of a new CA, which is in the agents' bundle."""
        authority = certificates.make_authority(datetime.now(UTC))
        self.ca.write_bytes(authority.certificate)
        shown = certificates.make_server_certificate(authority, [name], datetime.now(UTC))
        server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
        handler: Any = grpc.stream_stream_rpc_method_handler(self._serve)
        server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler("mediamesh.v1.Agents", {"Serve": handler})]
        )
        credentials = grpc.ssl_server_credentials([(shown.key, shown.chain)])
        self.port = server.add_secure_port(f"127.0.0.1:{self.port}", credentials)
        await server.start()
        try:
            yield
        finally:
            await server.stop(grace=None)

    async def _serve(self, _requests: object, context: Any) -> None:
        stream = Stream(context)
        self.streams.append(stream)
        if self.refusal:
            await context.abort(*self.refusal)
        await stream.serve()

    async def stream(self, number: int = 1) -> Stream:
        """Wait for the so-many-th stream."""
        await eventually(lambda: len(self.streams) >= number, f"stream {number}")
        return self.streams[number - 1]

    def place(self, **more: Any) -> Place:
        return Place(f"127.0.0.1:{self.port}", self.ca, self.token, **more)


class Node:
    """An agent that works with a hub and an operator."""

    def __init__(self, root: Path, place: Place) -> None:
        self.received = Received(NODE)
        self.agent = Agent(HubControl(root / "hub.sock"), self.received)
        facts = agents_pb2.NodeFacts(cpus=2)
        self.stream = OperatorStream(place, NODE, lambda: facts, self.agent, self.received, random=lambda: 0.0)

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncIterator["Node"]:
        tasks = [asyncio.create_task(self.agent.reconcile()), asyncio.create_task(self.stream.run())]
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.agent.control.close()

    def observed(self) -> hub_pb2.Observed:
        assert self.agent.facts.observed is not None
        return self.agent.facts.observed
