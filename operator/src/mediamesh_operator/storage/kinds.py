"""Our kinds and those we look at: lists, changes, and server-side apply of what we write."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final

from mediamesh_operator.storage.api import APPLY, FIELD_MANAGER, JSON, Api, failure

GROUP: Final = "mediamesh.io"
VERSION: Final = "v1alpha1"
_OURS: Final = f"/apis/{GROUP}/{VERSION}"
_NAMES_ONLY: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_PAGE: Final = 500


_PATHS: Final = {
    "mediaconnections": f"{_OURS}/mediaconnections",
    "medianetworks": f"{_OURS}/medianetworks",
    "medianodes": f"{_OURS}/medianodes",
    "nodes": "/api/v1/nodes",
    "pods": "/api/v1/pods",
}
_FIELDS: Final = {"pods": "spec.nodeName!=,status.phase!=Failed,status.phase!=Succeeded"}
"""Of pods those on a node that are not done."""


class KindStore:
    """Objects of these kinds."""

    def __init__(self, api: Api) -> None:
        self._api = api

    @property
    def kinds(self) -> Sequence[str]:
        """Our own kinds, by plural name."""
        return tuple(plural for plural, path in _PATHS.items() if path.startswith(_OURS))

    async def uids(self, plural: str) -> AsyncIterator[str]:
        """Yield the uid of every object of a kind; only metadata is transferred."""
        async for items, _ in self.pages(plural, accept=_NAMES_ONLY):
            for item in items:
                yield str(item["metadata"]["uid"])

    async def pages(self, plural: str, *, accept: str = JSON) -> AsyncIterator[tuple[Sequence[Mapping[str, Any]], str]]:
        """Yield the objects of a kind, page by page, each page with the version of the whole list."""
        more = ""
        while True:
            query = [*_selected(plural), ("limit", str(_PAGE))]
            page = await self._api.request(
                "GET", _PATHS[plural], query=[*query, ("continue", more)] if more else query, accept=accept
            )
            yield page.get("items") or (), str(page["metadata"]["resourceVersion"])
            if not (more := str(page["metadata"].get("continue") or "")):
                return

    async def changes(self, plural: str, since: str) -> AsyncGenerator[Mapping[str, Any], None]:
        """Yield what becomes of a kind after a version: `type` (ADDED, MODIFIED, DELETED, BOOKMARK) and `object`.

        Ends when the API server wants to be asked again; raises `VersionGone` if it has forgotten the version.
        """
        query = [*_selected(plural), ("watch", "true"), ("allowWatchBookmarks", "true"), ("resourceVersion", since)]
        async with aclosing(self._api.lines(_PATHS[plural], query)) as events:
            async for event in events:
                if event["type"] == "ERROR":
                    said = event["object"]
                    raise failure(int(said.get("code") or 0), str(said.get("message")), f"watch of {plural}")
                yield event

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


def _selected(plural: str) -> list[tuple[str, str]]:
    return [("fieldSelector", _FIELDS[plural])] if plural in _FIELDS else []
