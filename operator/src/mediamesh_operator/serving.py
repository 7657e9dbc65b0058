"""The agents' stream: who may speak, what is taken, when it ends.

One handler per stream. The token is looked at before anything is read; then there has to be a `Hello` for the node
that the token is of, then a first report; each within `PATIENCE` seconds. From then on reports are taken at a bounded
pace and plans are sent as they change, until the token ends, a younger pod's agent comes, or either side goes away.

Messages arrive as bytes and are decoded here, so that garbage is an answer to one agent and no error of the server.
Compression is off: what a message costs is what was sent.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Collection, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn, TypeVar

import grpc
from google.protobuf.message import DecodeError
from prometheus_client import Counter

from mediamesh_operator import reports
from mediamesh_operator.authority import Shown
from mediamesh_operator.errors import AgentRefused, ApiUnreachable, OperatorError
from mediamesh_operator.identity import AgentIdentity, AgentRule, Reviewer, identify
from mediamesh_operator.pace import Pace
from mediamesh_operator.sessions import Session, Sessions
from mediamesh_operator.tasks import until_one_ends
from mediamesh_protos import agents_pb2

PATIENCE: Final = 10.0
MAX_MESSAGE: Final = 4 * 1024 * 1024
API_VERSION: Final = 1
_REVIEWS_AT_ONCE: Final = 16
_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.compression_enabled_algorithms_bitset", 1),
    ("grpc.max_concurrent_streams", 4),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),  # else the ping that keeps alive is waited for for a minute
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.so_reuseport", 0),
)
_CODES: Final = {
    "TokenMissing": grpc.StatusCode.UNAUTHENTICATED,
    "TokenInvalid": grpc.StatusCode.UNAUTHENTICATED,
    "TokenExpired": grpc.StatusCode.UNAUTHENTICATED,
    "WrongAudience": grpc.StatusCode.UNAUTHENTICATED,
    "Superseded": grpc.StatusCode.FAILED_PRECONDITION,
    "Malformed": grpc.StatusCode.INVALID_ARGUMENT,
    "WrongVersion": grpc.StatusCode.INVALID_ARGUMENT,
    "Silent": grpc.StatusCode.DEADLINE_EXCEEDED,
    "TooManyReports": grpc.StatusCode.RESOURCE_EXHAUSTED,
}
log = logging.getLogger(__name__)
Context = grpc.aio.ServicerContext[bytes, bytes]
T = TypeVar("T")


@dataclass(slots=True)
class AgentService:
    """mediamesh.v1.Agents."""

    sessions: Sessions
    reviewer: Reviewer
    rule: AgentRule
    refused: Counter
    plans: Counter
    reports: Counter
    connections: Callable[[str], Collection[str]]
    """Names the connections that a node's plan has."""
    patience: float = PATIENCE
    _reviews: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_REVIEWS_AT_ONCE))

    async def serve(self, _requests: object, context: Context) -> None:
        """Serve one stream to its end."""
        identity: AgentIdentity | None = None
        try:
            identity = await self._identify(context)
            await self._converse(identity, context)
        except AgentRefused as error:
            await self._refuse(error, identity, context)
        except ApiUnreachable as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, f"{error.reason}: the token cannot be reviewed now")
        except OperatorError as error:
            log.warning("an agent cannot be served", extra={"reason": error.reason, "detail": error.message})
            await context.abort(grpc.StatusCode.INTERNAL, f"{error.reason}: see the operator's log")

    async def _identify(self, context: Context) -> AgentIdentity:
        async with self._reviews:
            return await identify(_token(context), self.reviewer, self.rule, time.time())

    async def _converse(self, identity: AgentIdentity, context: Context) -> None:
        hello = reports.facts(_hello(await self._soon(_read(context)), identity))
        session = self.sessions.open(identity, hello)
        log.info("agent connected", extra={"node": identity.node, "pod": identity.pod_name, "version": hello.version})
        try:
            await self._first_report(session, context)
            await until_one_ends(
                self._read_reports(session, context),
                self._send_plans(session, context),
                _ending(session),
                asyncio.sleep(identity.expires - time.time()),
            )
        finally:
            self.sessions.close(session)
            log.info("agent disconnected", extra={"node": identity.node, "pod": identity.pod_name})

    async def _first_report(self, session: Session, context: Context) -> None:
        self._take(session, await self._soon(_read(context)))

    async def _read_reports(self, session: Session, context: Context) -> None:
        pace = Pace()
        while (message := await _next(context)) is not None:
            self._take(session, message)
            if delay := pace.delay(len(message), time.monotonic()):
                if pace.flooded:
                    raise AgentRefused("reports came faster than they can be meant", reason="TooManyReports")
                await asyncio.sleep(delay)

    def _take(self, session: Session, message: bytes) -> None:
        said = _decoded(message)
        if said.WhichOneof("message") != "report":
            raise AgentRefused("after the first message there are only reports", reason="Malformed")
        self.reports.inc()
        known = self.connections(session.identity.node)
        self.sessions.reported(session, reports.within(said.report, known))

    async def _send_plans(self, session: Session, context: Context) -> None:
        while True:
            plan = await session.next_plan()
            await context.write(agents_pb2.OperatorMessage(plan=plan).SerializeToString())
            self.plans.inc()
            sent = {"node": plan.node, "revision": plan.revision, "digest": plan.digest[:12], "flows": len(plan.flows)}
            log.info("plan sent", extra=sent)

    async def _soon(self, awaited: Coroutine[Any, Any, T]) -> T:
        try:
            async with asyncio.timeout(self.patience):
                return await awaited
        except TimeoutError:
            raise AgentRefused(f"nothing was said for {self.patience:.0f} s", reason="Silent") from None

    async def _refuse(self, error: AgentRefused, identity: AgentIdentity | None, context: Context) -> NoReturn:
        self.refused.labels(error.reason).inc()
        known = {"node": identity.node, "pod": identity.pod_name} if identity else {}
        told = {"reason": error.reason, "detail": error.message, "peer": _peer(context)}
        log.warning("agent refused", extra=told | known)
        code = _CODES.get(error.reason, grpc.StatusCode.PERMISSION_DENIED)
        await context.abort(code, f"{error.reason}: {error.message}")


@contextlib.asynccontextmanager
async def listening(service: AgentService, address: str, shown: Shown) -> AsyncIterator[None]:
    """Serve agents at gRPC's `address` while the context lasts, with the certificate that is shown at the time."""
    server = grpc.aio.server(options=_OPTIONS)
    handler: Any = grpc.stream_stream_rpc_method_handler(service.serve)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("mediamesh.v1.Agents", {"Serve": handler})])
    credentials = _credentials(shown)
    server.add_secure_port(address, credentials)
    await server.start()
    try:
        yield
    finally:
        await server.stop(grace=None)
        del credentials  # gRPC's core calls back into it for as long as the server lives


def _credentials(shown: Shown) -> grpc.ServerCredentials:
    """Return credentials that ask, at every handshake, whether there is a newer certificate."""
    last = shown.certificate

    def newer() -> grpc.ServerCertificateConfiguration | None:
        nonlocal last
        if shown.certificate is last:
            return None
        last = shown.certificate
        return _configuration(last.key, last.chain)

    first = _configuration(last.key, last.chain)
    return grpc.dynamic_ssl_server_credentials(first, newer)  # type: ignore[arg-type]  # None: as before


def _configuration(key: bytes, chain: bytes) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(key, chain)])


def _token(context: Context) -> str:
    found = dict(context.invocation_metadata() or ()).get("authorization", "")
    scheme, _, token = str(found).partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _peer(context: Context) -> str:
    return context.peer().removeprefix("unix-abstract:")


async def _next(context: Context) -> bytes | None:
    message: object = await context.read()
    return message if isinstance(message, bytes) else None


async def _read(context: Context) -> bytes:
    message = await _next(context)
    if message is None:
        raise AgentRefused("the agent left before it had said who it is and what there is", reason="Malformed")
    return message


def _decoded(message: bytes) -> agents_pb2.AgentMessage:
    try:
        return agents_pb2.AgentMessage.FromString(message)
    except DecodeError as error:
        raise AgentRefused("the message is no AgentMessage", reason="Malformed") from error


def _hello(message: bytes, identity: AgentIdentity) -> agents_pb2.Hello:
    said = _decoded(message)
    if said.WhichOneof("message") != "hello":
        raise AgentRefused("the first message is no Hello", reason="Malformed")
    if said.hello.api_version != API_VERSION:
        text = f"this operator speaks version {API_VERSION}, the agent {said.hello.api_version}"
        raise AgentRefused(text, reason="WrongVersion")
    if said.hello.node != identity.node:
        text = f"the token is for {identity.node}, the agent says {said.hello.node[:100]!r}"
        raise AgentRefused(text, reason="AgentForAnotherNode")
    return said.hello


async def _ending(session: Session) -> NoReturn:
    raise await session.ending
