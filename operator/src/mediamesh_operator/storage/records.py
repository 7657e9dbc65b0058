"""Events on our objects, for `kubectl describe` and `kubectl get events`."""

from collections.abc import Mapping
from typing import Any

from mediamesh_operator.storage.api import Api


class EventStore:
    """Events of the core group: those that every `kubectl describe` shows."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def post(self, namespace: str, body: Mapping[str, Any]) -> None:
        """Make an event."""
        await self._api.request("POST", f"/api/v1/namespaces/{namespace}/events", body=body)
