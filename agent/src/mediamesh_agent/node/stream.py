"""The stream to the operator, from this side: opened again for as long as the agent lives.

The CA bundle and the token are read anew for every connection, for both are renewed under way: kubelet writes a new
token before the old one ends, and the operator ends the stream with the token. A name may have several addresses
(the Service is headless, and only the operator that leads listens); gRPC tries one after the other.

A cut network shows in reports that nobody acknowledges: the keep-alive settings make the kernel give up on them after
`_SILENCE_MS`. Whoever was superseded by a younger agent of the same node comes back much later: that one may go again.
"""

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError

from mediamesh_agent.agent import Agent
from mediamesh_agent.backoff import Backoff
from mediamesh_agent.node.cadence import LOOK_EVERY, Cadence
from mediamesh_agent.node.received import Received
from mediamesh_agent.node.report import hello, report, state
from mediamesh_protos import agents_pb2

log = logging.getLogger(__name__)

METHOD: Final = "/mediamesh.v1.Agents/Serve"
SUPERSEDED_FOR: Final = 30.0
SPREAD: Final = 1.0
"""Up to so many seconds are added by chance, so that the agents of a cluster do not come all at once."""
_LAST_WORDS: Final = 2.0
_SILENCE_MS: Final = 20_000
_OPTIONS: Final = (
    ("grpc.keepalive_time_ms", _SILENCE_MS),
    ("grpc.keepalive_timeout_ms", _SILENCE_MS),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.use_local_subchannel_pool", 1),  # a new connection does not wait for the back-off of an old one
    ("grpc.max_receive_message_length", 64 << 20),
)
Call = Any  # grpc.aio's stubs know no bidirectional call of bytes


@dataclass(frozen=True, slots=True)
class Place:
    """Where the operator is, and how to show and to check who is who."""

    operator: str
    ca: Path
    token: Path
    server_name: str = ""

    def channel(self) -> grpc.aio.Channel:
        """Open a channel; raises OSError if the bundle cannot be read."""
        name = (("grpc.ssl_target_name_override", self.server_name),) if self.server_name else ()
        credentials = grpc.ssl_channel_credentials(self.ca.read_bytes())
        return grpc.aio.secure_channel(f"dns:///{self.operator}", credentials, options=[*_OPTIONS, *name])

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Return what shows who we are; raises OSError if the token cannot be read."""
        return (("authorization", f"Bearer {self.token.read_text(encoding='ascii').strip()}"),)


@dataclass(slots=True)
class OperatorStream:
    """Tells the operator what is, and the agent what should be."""

    place: Place
    node: str
    facts: Callable[[], agents_pb2.NodeFacts]
    agent: Agent
    received: Received
    random: Callable[[], float]
    """Uniform in [0, 1)."""
    plan_came: Callable[[], None] = lambda: None
    ended: Counter[str] = field(default_factory=Counter)
    """Streams that have ended, by reason."""

    async def run(self) -> None:
        """Keep a stream open until cancelled."""
        loop, backoff = asyncio.get_running_loop(), Backoff()
        while True:
            began = loop.time()
            reason = await self._one_stream()
            self.ended[reason] += 1
            wait = SUPERSEDED_FOR if reason == "Superseded" else backoff.delay(loop.time() - began)
            await asyncio.sleep(wait * (0.5 + self.random() / 2) + SPREAD * self.random())

    async def _one_stream(self) -> str:
        """Return why it has ended."""
        try:
            async with self.place.channel() as channel:
                await self._converse(self._call(channel))
        except grpc.aio.AioRpcError as error:
            return self._say_why(*_why(error))
        except (OSError, UnicodeDecodeError, DecodeError) as error:
            return self._say_why(type(error).__name__, str(error))
        except asyncio.InvalidStateError as error:
            return self._say_why("StreamBroken", str(error))
        finally:
            self.received.disconnect()
        return self._say_why("Closed", "the operator has ended the stream")

    def _say_why(self, reason: str, detail: str) -> str:
        fields = {"reason": reason, "operator": self.place.operator}
        log.warning("no stream to the operator: %s", detail, extra={"fields": fields})
        if reason == "Superseded":
            self.received.forget()
        return reason

    def _call(self, channel: grpc.aio.Channel) -> Call:
        method: Any = channel.stream_stream(METHOD)
        return method(metadata=self.place.metadata())

    async def _converse(self, call: Call) -> None:
        await self._known()
        ways = [asyncio.create_task(self._read(call)), asyncio.create_task(self._report(call))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait(ways[:1], timeout=_LAST_WORDS)  # who reads hears why a report was not taken
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            call.cancel()
        # The first that ended by itself: after an end in order, what the writer met is only its consequence.
        next(way for way in ways if not way.cancelled()).result()

    async def _read(self, call: Call) -> None:
        async for message in call:
            self._take(agents_pb2.OperatorMessage.FromString(message))

    async def _known(self) -> None:
        """Wait until the hub has been looked at: a first report without it would say that there is none."""
        if self.agent.facts.observed is None:
            await self.agent.news()

    def _take(self, message: agents_pb2.OperatorMessage) -> None:
        if message.WhichOneof("message") != "plan":
            log.warning("the operator says what this agent does not know")
            return
        plan = message.plan
        if plan.node != self.node:
            log.error("the operator has sent the plan of %r: it is ignored", plan.node)
            return
        fields = {"revision": plan.revision, "digest": plan.digest[:12], "flows": len(plan.flows)}
        log.info("plan received", extra={"fields": fields})
        self._accepted()
        self.received.take(plan)
        self.plan_came()
        self.agent.look()

    async def _report(self, call: Call) -> None:
        """Send what is, when there is something to tell; ends with the stream."""
        await call.write(hello(self.node, self.facts()).SerializeToString())
        cadence = Cadence()
        while True:
            made, now = report(self.agent.facts), time.monotonic()
            if cadence.due(made, now):
                await call.write(agents_pb2.AgentMessage(report=made).SerializeToString())
                cadence.sent(made, now)
            await self._change(state(made))
            self._accepted()

    def _accepted(self) -> None:
        """Note that the operator listens: it would have refused the first report at once."""
        if not self.received.connected:
            self.received.connect()
            log.info("the operator listens", extra={"fields": {"operator": self.place.operator}})

    async def _change(self, told: bytes) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY):
                while state(report(self.agent.facts)) == told:
                    await self.agent.news()


def _why(error: grpc.aio.AioRpcError) -> tuple[str, str]:
    """Return reason and detail of a refusal; the operator puts the reason in front, gRPC itself does not."""
    detail = error.details() or ""
    reason, colon, _ = detail.partition(": ")
    if colon and reason.isalnum() and reason[:1].isupper():
        return reason, detail
    return error.code().name.title().replace("_", ""), detail or error.code().name
