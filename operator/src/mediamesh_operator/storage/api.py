"""One request to the API server, and what its failures are called here.

The official client's transport is used as it is (credentials that are read anew, TLS, pooling). Its models and its
discovery are not: they cost tens of MiB and a dozen requests at start, and we know the few paths we use.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import aiohttp
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
)

TIMEOUT: Final = 10.0
JSON: Final = "application/json"
APPLY: Final = "application/apply-patch+yaml"
MERGE: Final = "application/merge-patch+json"
"""With the version that was read in the metadata, as strict as a replacement; what others wrote stays."""
FIELD_MANAGER: Final = "mediamesh-operator"
_CONNECTIONS: Final = 16
_KINDS_OF_FAILURE: Final[Mapping[int, type[OperatorError]]] = {
    401: ApiForbidden,
    403: ApiForbidden,
    404: ObjectMissing,
    408: ApiUnreachable,
    409: ObjectConflict,
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
    return found


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
        ObjectMissing, ObjectConflict, ApiForbidden, ApiRefused
            What it said; the message has its words.
        """
        headers = {"Accept": accept, "Content-Type": content_type}
        what = f"{method} {path}"
        try:
            async with asyncio.timeout(TIMEOUT):
                return await self._answer(method, path, body, list(query), headers, what)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise ApiUnreachable(f"{what}: {str(error) or type(error).__name__}") from error

    async def _answer(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        query: list[tuple[str, str]],
        headers: dict[str, str],
        what: str,
    ) -> dict[str, Any]:
        request = await self._client.param_serialize(
            method, path, query_params=query, header_params=headers, body=body, auth_settings=["BearerToken"]
        )
        try:
            response = await self._client.call_api(*request)
        except ApiException as error:
            raise _failure(int(error.status or 0), str(error.reason), what) from error
        text: bytes = await response.read()  # type: ignore[no-untyped-call]
        if not 200 <= response.status <= 299:
            raise _failure(response.status, _words(text), what)
        return _object(text, what)


def _object(text: bytes, what: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ApiUnreachable(f"{what}: answered with something that is no JSON") from error
    if not isinstance(value, dict):
        raise ApiUnreachable(f"{what}: answered with something that is no object")
    return value


def _failure(status: int, words: str, what: str) -> OperatorError:
    kind = _KINDS_OF_FAILURE.get(status, ApiUnreachable if status >= 500 or status == 0 else ApiRefused)
    return kind(f"{what}: {status} {words}")


def _words(text: bytes) -> str:
    """Return the message of a Status object; of anything else its beginning."""
    with contextlib.suppress(ValueError, TypeError, KeyError):
        return str(json.loads(text)["message"])
    return text[:200].decode(errors="replace")
