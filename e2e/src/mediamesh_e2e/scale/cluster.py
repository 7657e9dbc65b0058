"""Filling a cluster with what exists only there, and emptying it again."""

import asyncio
import contextlib
from collections.abc import Awaitable, Iterable
from typing import Any, Final

from mediamesh_e2e.scale import objects
from mediamesh_operator.errors import ObjectConflict, ObjectMissing
from mediamesh_operator.options import AUDIENCE
from mediamesh_operator.storage import Api

ACCOUNT: Final = "mediamesh-node"
_AT_ONCE: Final = 12
_CONNECTIONS = "/apis/mediamesh.io/v1alpha1"


class Population:
    """Nodes, pods and connections in one namespace."""

    def __init__(self, api: Api, namespace: str, nodes: int) -> None:
        self.api = api
        self.namespace = namespace
        self.nodes = [f"{namespace}-{number}" for number in range(nodes)]

    async def fill(self, connections: int, pods: int) -> None:
        """Make everything."""
        core, named = "/api/v1", f"/api/v1/namespaces/{self.namespace}"
        await self._create("/api/v1/namespaces", [{"metadata": {"name": self.namespace}}])
        await self._create(f"{named}/serviceaccounts", [{"metadata": {"name": name}} for name in (ACCOUNT, "default")])
        await self._create(f"{core}/nodes", map(objects.node, self.nodes))
        agents = [objects.agent_pod(node, self.namespace, ACCOUNT) for node in self.nodes]
        others = [objects.application(number, self._node(number), self.namespace) for number in range(pods)]
        await self._create(f"{named}/pods", agents + others)
        wanted = [objects.connection(number, self._node(number), self.namespace) for number in range(connections)]
        await self._create(f"{_CONNECTIONS}/namespaces/{self.namespace}/mediaconnections", wanted)

    async def empty(self) -> None:
        """Remove everything."""
        removed = [f"/api/v1/nodes/{node}" for node in self.nodes]
        removed += [f"{_CONNECTIONS}/medianodes/{node}" for node in self.nodes]
        await _some_at_once(self._delete(path) for path in [*removed, f"/api/v1/namespaces/{self.namespace}"])

    async def tokens(self) -> dict[str, str]:
        """Return a token for the agent of every node, bound to its pod."""
        return dict(zip(self.nodes, await _some_at_once(self._token(node) for node in self.nodes), strict=True))

    async def trusted(self, config_map: str) -> bytes:
        """Return what agents are told to trust."""
        found = await self.api.request("GET", f"/api/v1/namespaces/{self.namespace}/configmaps/{config_map}")
        return str(found["data"]["ca.crt"]).encode()

    async def connections(self) -> list[dict[str, Any]]:
        """Return all connections."""
        path = f"{_CONNECTIONS}/namespaces/{self.namespace}/mediaconnections"
        found: list[dict[str, Any]] = (await self.api.request("GET", path))["items"]
        return found

    async def change(self, number: int, queue: int) -> None:
        """Give a connection's sinks another queue."""
        name = f"cam{number}"
        spec = objects.connection(number, self._node(number), self.namespace)["spec"]
        for sink in spec["sinks"]:
            sink["delivery"] = {"queue": queue}
        path = f"{_CONNECTIONS}/namespaces/{self.namespace}/mediaconnections/{name}"
        merge = "application/merge-patch+json"
        await self.api.request("PATCH", path, body={"spec": {"sinks": spec["sinks"]}}, content_type=merge)

    def _node(self, number: int) -> str:
        return self.nodes[number % len(self.nodes)]

    async def _token(self, node: str) -> str:
        path = f"/api/v1/namespaces/{self.namespace}"
        pod = (await self.api.request("GET", f"{path}/pods/agent-{node}"))["metadata"]
        bound = {"apiVersion": "v1", "kind": "Pod", "name": pod["name"], "uid": pod["uid"]}
        spec = {"audiences": [AUDIENCE], "expirationSeconds": 3600, "boundObjectRef": bound}
        answer = await self.api.request("POST", f"{path}/serviceaccounts/{ACCOUNT}/token", body={"spec": spec})
        return str(answer["status"]["token"])

    async def _create(self, path: str, bodies: Iterable[dict[str, Any]]) -> None:
        await _some_at_once(self._one(path, body) for body in bodies)

    async def _one(self, path: str, body: dict[str, Any]) -> None:
        with contextlib.suppress(ObjectConflict):
            await self.api.request("POST", path, body=body)

    async def _delete(self, path: str) -> None:
        with contextlib.suppress(ObjectMissing):
            await self.api.request("DELETE", path)


async def _some_at_once(work: Iterable[Awaitable[Any]]) -> list[Any]:
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(awaited: Awaitable[Any]) -> Any:
        async with places:
            return await awaited

    return await asyncio.gather(*map(one, work))
