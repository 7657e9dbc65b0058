"""The Lease of the election."""

from typing import Any

from mediamesh_operator.errors import ObjectMissing
from mediamesh_operator.storage.api import MERGE, Api


class LeaseStore:
    """One Lease by its name; a write holds only if the version is still the one that was read."""

    def __init__(self, api: Api, namespace: str, name: str) -> None:
        self._api = api
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._name = name

    async def read(self) -> dict[str, Any] | None:
        """Return it; None if there is none."""
        try:
            return await self._api.request("GET", f"{self._path}/{self._name}")
        except ObjectMissing:
            return None

    async def create(self, body: dict[str, Any]) -> dict[str, Any]:
        """Make it."""
        return await self._api.request("POST", self._path, body=body)

    async def replace(self, body: dict[str, Any]) -> dict[str, Any]:
        """Write it."""
        return await self._api.request("PATCH", f"{self._path}/{self._name}", body=body, content_type=MERGE)
