"""One request to the API server, and what its failures are called here.

The official client's transport is used as it is (credentials that are read anew, TLS, pooling). Its models and its
discovery are not: they cost tens of MiB and a dozen requests at start, and we know the few paths we use.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from aiohttp.http import HttpProcessingError
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.client.exceptions import ApiException

from mediamesh_operator.errors import (
    ApiForbidden,
    ApiRefused,
    ApiUnreachable,
    ObjectConflict,
    ObjectMissing,
    OperatorError,
    OptionsInvalid,
    VersionGone,
)

TIMEOUT: Final = 10.0
SILENCE: Final = 150.0
"""Seconds without a line after which a stream is given up; there is a bookmark each minute."""
JSON: Final = "application/json"
APPLY: Final = "application/apply-patch+yaml"
MERGE: Final = "application/merge-patch+json"
"""With the version that was read in the metadata, as strict as a replacement; what others wrote stays."""
FIELD_MANAGER: Final = "mediamesh-operator"
_CONNECTIONS: Final = 18
"""Two of them follow nodes and pods."""
_ENDLESS: Final = aiohttp.ClientTimeout(total=None, sock_read=SILENCE)
_KINDS_OF_FAILURE: Final[Mapping[int, type[OperatorError]]] = {
    401: ApiForbidden,
    403: ApiForbidden,
    404: ObjectMissing,
    408: ApiUnreachable,
    409: ObjectConflict,
    410: VersionGone,
    429: ApiUnreachable,
}


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator["Api"]:
    """Give an `Api`: by KUBECONFIG where that is set, else as the pod's service account."""
    client = ApiClient(await _configuration())
    try:
        yield Api(client)
    finally:
        await client.close()  # type: ignore[no-untyped-call]


async def _configuration() -> Configuration:
    found = Configuration()
    found.connection_pool_maxsize = _CONNECTIONS
    try:
        if files := os.environ.get("KUBECONFIG"):  # the client itself looks there when it is imported, and never again
            await config.load_kube_config(files, client_configuration=found)  # type: ignore[no-untyped-call]
        else:
            config.load_incluster_config(client_configuration=found)  # type: ignore[no-untyped-call]
    except (config.ConfigException, OSError) as error:
        raise OptionsInvalid(f"neither KUBECONFIG nor a service account leads to an API server: {error}") from error
    found.proxy = found.proxy or _proxy(urlsplit(found.host))
    found.client_session_kwargs = {"trust_env": False}
    return found


def _proxy(server: SplitResult) -> str | None:
    """Return the proxy that the environment names for a server; aiohttp looks for it, and for a netrc, in each request.

    That takes files and a thread, and a good part of what a request costs.
    """
    return None if proxy_bypass(server.netloc) else getproxies().get(server.scheme)


class Api:
    """Requests with JSON in and out."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Sequence[tuple[str, str]] = (),
        content_type: str = JSON,
        accept: str = JSON,
    ) -> dict[str, Any]:
        """Return the object that the API server answers with.

        Raises
        ------
        ApiUnreachable
            It did not answer within `TIMEOUT` seconds, or it cannot now.
        ObjectMissing, ObjectConflict, VersionGone, ApiForbidden, ApiRefused
            What it said; the message has its words.
        """
        what = f"{method} {path}"
        with _failures(what):
            async with asyncio.timeout(TIMEOUT):
                response = await self._begun(
                    method, path, body, query, {"Accept": accept, "Content-Type": content_type}
                )
                return _object(await response.read(), what)

    async def lines(self, path: str, query: Sequence[tuple[str, str]]) -> AsyncGenerator[dict[str, Any], None]:
        """Yield the objects of an answer that has one in each line and goes on until the API server ends it.

        Raises what `request` raises; `ApiUnreachable`, too, if nothing comes for `SILENCE` seconds.
        """
        what = f"GET {path}"
        with _failures(what):
            async with asyncio.timeout(TIMEOUT):
                response = await self._begun("GET", path, None, query, {"Accept": JSON}, _ENDLESS)
            with _broken_off(response):
                async for line in response.content:
                    yield _object(line, what)

    async def _begun(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        query: Sequence[tuple[str, str]],
        headers: dict[str, str],
        timeout: aiohttp.ClientTimeout | None = None,
    ) -> aiohttp.ClientResponse:
        """Ask, and return an answer that is none of a failure, and is still to be read."""
        request = await self._client.param_serialize(
            method, path, query_params=list(query), header_params=headers, body=body, auth_settings=["BearerToken"]
        )
        response: aiohttp.ClientResponse = (await self._client.call_api(*request, _request_timeout=timeout)).response
        if not 200 <= response.status <= 299:
            raise failure(response.status, _words(await response.read()), f"{method} {path}")
        return response


@contextlib.contextmanager
def _broken_off(response: aiohttp.ClientResponse) -> Iterator[None]:
    """Leave no connection behind, whether the answer has ended or not: a TLS one that is closed waits for the peer."""
    try:
        yield
    finally:
        if response.connection and response.connection.transport:
            response.connection.transport.abort()
        response.close()


@contextlib.contextmanager
def _failures(what: str) -> Iterator[None]:
    """Give the failures of the client our names."""
    try:
        yield
    except ApiException as error:
        raise failure(int(error.status or 0), str(error.reason), what) from error
    except (TimeoutError, aiohttp.ClientError, HttpProcessingError, OSError) as error:
        raise ApiUnreachable(f"{what}: {str(error) or type(error).__name__}") from error


def failure(status: int, words: str, what: str) -> OperatorError:
    """Return the error that a status of the API server is."""
    kind = _KINDS_OF_FAILURE.get(status, ApiUnreachable if status >= 500 or status == 0 else ApiRefused)
    return kind(f"{what}: {status} {words}")


def _object(text: bytes, what: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ApiUnreachable(f"{what}: answered with something that is no JSON") from error
    if not isinstance(value, dict):
        raise ApiUnreachable(f"{what}: answered with something that is no object")
    return value


def _words(text: bytes) -> str:
    """Return the message of a Status object; of anything else its beginning."""
    with contextlib.suppress(ValueError, TypeError, KeyError):
        return str(json.loads(text)["message"])
    return text[:200].decode(errors="replace")
