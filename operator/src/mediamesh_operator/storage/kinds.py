"""Our kinds and those we watch: lists of who is there, and server-side apply of what we write."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mediamesh_operator.storage.api import APPLY, FIELD_MANAGER, Api

GROUP: Final = "mediamesh.io"
VERSION: Final = "v1alpha1"
POD_FIELDS: Final = "spec.nodeName!=,status.phase!=Failed,status.phase!=Succeeded"
"""The pods we look at: on a node, and not done."""
_OURS: Final = f"/apis/{GROUP}/{VERSION}"
_NAMES_ONLY: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class _WatchedKind:
    path: str
    fields: str = ""


_WATCHED: Final = {
    "mediaconnections": _WatchedKind(f"{_OURS}/mediaconnections"),
    "medianetworks": _WatchedKind(f"{_OURS}/medianetworks"),
    "medianodes": _WatchedKind(f"{_OURS}/medianodes"),
    "nodes": _WatchedKind("/api/v1/nodes"),
    "pods": _WatchedKind("/api/v1/pods", POD_FIELDS),
}


class KindStore:
    """Objects of these kinds."""

    def __init__(self, api: Api) -> None:
        self._api = api

    @property
    def kinds(self) -> Sequence[str]:
        """The kinds that are watched, by plural name."""
        return tuple(_WATCHED)

    async def uids(self, plural: str) -> AsyncIterator[str]:
        """Yield the uid of every object of a kind; only metadata is transferred."""
        kind = _WATCHED[plural]
        query = [("limit", str(_PAGE))]
        if kind.fields:
            query.append(("fieldSelector", kind.fields))
        more = ""
        while True:
            page = await self._api.request(
                "GET", kind.path, query=[*query, ("continue", more)] if more else query, accept=_NAMES_ONLY
            )
            for item in page.get("items") or ():
                yield str(item["metadata"]["uid"])
            more = str((page.get("metadata") or {}).get("continue") or "")
            if not more:
                return

    async def write_connection_status(self, namespace: str, name: str, uid: str, status: Mapping[str, Any]) -> None:
        """Make `status` the status of a connection; `ObjectMissing` or `ObjectConflict` if that one is gone."""
        path = f"{_OURS}/namespaces/{namespace}/mediaconnections/{name}/status"
        metadata = {"name": name, "namespace": namespace, "uid": uid}
        await self._apply(path, "MediaConnection", metadata, {"status": status})

    async def write_media_node(self, name: str, owner_uid: str) -> None:
        """Make the MediaNode `name`, owned by the Node of that name."""
        owner = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": owner_uid}
        metadata = {"name": name, "ownerReferences": [owner]}
        await self._apply(f"{_OURS}/medianodes/{name}", "MediaNode", metadata, {})

    async def write_media_node_status(self, name: str, status: Mapping[str, Any]) -> None:
        """Make `status` the status of the MediaNode `name`."""
        await self._apply(f"{_OURS}/medianodes/{name}/status", "MediaNode", {"name": name}, {"status": status})

    async def _apply(self, path: str, kind: str, metadata: Mapping[str, Any], rest: Mapping[str, Any]) -> None:
        body = {"apiVersion": f"{GROUP}/{VERSION}", "kind": kind, "metadata": metadata, **rest}
        query = [("fieldManager", FIELD_MANAGER), ("force", "true")]
        await self._api.request("PATCH", path, body=body, query=query, content_type=APPLY)
