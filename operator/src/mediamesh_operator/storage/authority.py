"""The Secret of the CA and the ConfigMap with what agents trust.

The Secret is written only in the version that was read, so of two replicas that make a CA at the same time one gets
`ObjectConflict` and reads what the other made. The chart makes both objects, empty, and does not allow us to make any;
whoever deletes one is told how to get it back.
"""

import contextlib
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from typing import Any

from mediamesh_operator.errors import ApiForbidden, AuthorityUnusable, ObjectMissing
from mediamesh_operator.storage.api import APPLY, FIELD_MANAGER, MERGE, Api

BUNDLE_KEY = "ca.crt"


class AuthorityStore:
    """The CA of one installation, by the names of its two objects."""

    def __init__(self, api: Api, namespace: str, secret: str, config_map: str) -> None:
        self._api = api
        self._base = f"/api/v1/namespaces/{namespace}"
        self._secret = secret
        self._config_map = config_map

    async def read(self) -> tuple[dict[str, bytes], str]:
        """Return the Secret's data and its version; ({}, "") if there is none."""
        try:
            found = await self._api.request("GET", f"{self._base}/secrets/{self._secret}")
        except ObjectMissing:
            return {}, ""
        try:
            data = {key: b64decode(value, validate=True) for key, value in (found.get("data") or {}).items()}
        except ValueError as error:
            raise AuthorityUnusable(
                f"the Secret {self._secret} holds something that is not base64: remove its `data`"
            ) from error
        return data, str(found["metadata"]["resourceVersion"])

    async def write(self, data: Mapping[str, bytes], version: str) -> str:
        """Write the Secret if it is still `version` ("": if there is none); return the new version."""
        metadata: dict[str, Any] = {"name": self._secret}
        body: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": metadata}
        body["data"] = {key: b64encode(value).decode() for key, value in data.items()}
        if version:
            metadata["resourceVersion"] = version
            path = f"{self._base}/secrets/{self._secret}"
            answer = await self._api.request("PATCH", path, body=body, content_type=MERGE)
        else:
            with _ours_to_make(f"Secret {self._secret}"):
                answer = await self._api.request("POST", f"{self._base}/secrets", body=body)
        return str(answer["metadata"]["resourceVersion"])

    async def published(self) -> bytes:
        """Return the bundle that agents are given; empty if there is none."""
        try:
            found = await self._api.request("GET", f"{self._base}/configmaps/{self._config_map}")
        except ObjectMissing:
            return b""
        return str((found.get("data") or {}).get(BUNDLE_KEY) or "").encode()

    async def publish(self, bundle: bytes) -> None:
        """Give agents `bundle` to trust."""
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": self._config_map},
            "data": {BUNDLE_KEY: bundle.decode()},
        }
        query = [("fieldManager", FIELD_MANAGER), ("force", "true")]
        path = f"{self._base}/configmaps/{self._config_map}"
        with _ours_to_make(f"ConfigMap {self._config_map}"):
            await self._api.request("PATCH", path, body=body, query=query, content_type=APPLY)


@contextlib.contextmanager
def _ours_to_make(what: str) -> Iterator[None]:
    """Say what to do where it is not."""
    try:
        yield
    except ApiForbidden as error:
        text = f"the {what} is not there, or not ours to write: `helm upgrade` of the release makes it; {error.message}"
        raise AuthorityUnusable(text) from error
