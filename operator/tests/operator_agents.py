"""The agents' port as it is served, with real TLS on loopback, and agents that speak to it."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
from operator_tokens import RULE, Reviewers

from mediamesh_operator import certificates
from mediamesh_operator.authority import Shown
from mediamesh_operator.certificates import Authority, ServerCertificate
from mediamesh_operator.door import Door
from mediamesh_operator.metrics import Metrics
from mediamesh_operator.serving import AgentService, listening
from mediamesh_operator.sessions import Sessions
from mediamesh_protos import agents_pb2, hub_pb2, plan_pb2

SERVE = "/mediamesh.v1.Agents/Serve"


@dataclass(slots=True)
class Source:
    """Gives the certificate that a test has put there."""

    certificate: ServerCertificate

    async def current(self) -> ServerCertificate:
        return self.certificate


@dataclass(slots=True)
class Port:
    """The served port, and everything behind it."""

    authority: Authority
    source: Source
    shown: Shown
    sessions: Sessions
    reviewers: Reviewers
    metrics: Metrics
    number: int = 0
    created: dict[str, str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    def refusals(self, reason: str) -> float:
        """Return how often somebody was sent away for this reason."""
        return self.metrics.registry.get_sample_value("mediamesh_operator_refused_total", {"reason": reason}) or 0

    @contextlib.asynccontextmanager
    async def agent(self, token: str | None, *, trusting: Authority | None = None) -> AsyncIterator["Agent"]:
        """Give an agent that shows `token`."""
        roots = (trusting or self.authority).certificate
        options = [("grpc.use_local_subchannel_pool", 1)]
        async with grpc.aio.secure_channel(
            f"127.0.0.1:{self.number}", grpc.ssl_channel_credentials(roots), options=options
        ) as channel:
            call: Any = channel.stream_stream(SERVE)  # bytes in, bytes out
            metadata = (("authorization", f"Bearer {token}"),) if token is not None else ()
            yield Agent(call(metadata=metadata))


@dataclass(slots=True)
class Agent:
    """One stream."""

    call: Any

    async def say(self, message: bytes | agents_pb2.AgentMessage) -> None:
        await self.call.write(message if isinstance(message, bytes) else message.SerializeToString())

    async def hello(self, node: str = "node-a", *, version: int = 1) -> None:
        await self.say(agents_pb2.AgentMessage(hello=agents_pb2.Hello(api_version=version, node=node)))

    async def report(self, digest: str = "", **hub: Any) -> None:
        observed = hub_pb2.Observed(digest=digest, **hub)
        await self.say(agents_pb2.AgentMessage(report=agents_pb2.Report(hub=observed)))

    async def begin(self, node: str = "node-a") -> None:
        await self.hello(node)
        await self.report()

    async def plan(self) -> plan_pb2.NodePlan:
        return agents_pb2.OperatorMessage.FromString(await self.call.read()).plan

    async def end(self) -> tuple[grpc.StatusCode, str]:
        """Wait until the operator has ended the stream; return its code and the reason in front of its words."""
        code = await self.call.code()
        return code, (await self.call.details()).partition(":")[0]


def issued(by: Authority) -> ServerCertificate:
    """Return a certificate for the server of these tests."""
    return certificates.make_server_certificate(by, ["127.0.0.1"], datetime.now(UTC))


@contextlib.asynccontextmanager
async def serving(*, patience: float = 30.0, most: int = 100) -> AsyncIterator[Port]:
    """Serve agents while the context lasts."""
    authority, reviewers, metrics = certificates.make_authority(datetime.now(UTC)), Reviewers(), Metrics()
    source = Source(issued(authority))
    shown = Shown(source)
    await shown.load()
    created: dict[str, str] = {}
    told: list[str] = []
    sessions = Sessions(_clock(), lambda uid: created.get(uid, ""), lambda node, _delay: told.append(node))
    service = AgentService(
        sessions, reviewers, RULE, metrics.refused, metrics.plans, metrics.reports, _connections, patience=patience
    )
    port = Port(authority, source, shown, sessions, reviewers, metrics, created=created, told=told)
    with tempfile.TemporaryDirectory() as folder:
        inside = Path(folder) / "agents.sock"
        door = Door(inside, metrics.refused, patience=patience, most=most)
        async with listening(service, f"unix:{inside}", shown), door.opened("127.0.0.1", 0) as number:
            port.number = number
            yield port


def _connections(node: str) -> set[str]:
    return {f"studio/{node}"}


def _clock() -> Callable[[], float]:
    return asyncio.get_running_loop().time
