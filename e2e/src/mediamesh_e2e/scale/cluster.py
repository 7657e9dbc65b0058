"""Filling a cluster with what exists only there, and emptying it again."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from typing import Any, Final

from mediamesh_e2e.cluster import simulated
from mediamesh_e2e.scale import objects
from mediamesh_operator.errors import ApiUnreachable, ObjectConflict, ObjectMissing
from mediamesh_operator.options import AUDIENCE
from mediamesh_operator.storage import Api, connected

ACCOUNT: Final = "mediamesh-node"
_AT_ONCE: Final = 12
_ATTEMPTS: Final = 5
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
        await self._create(f"{core}/nodes", simulated.nodes(self.nodes))
        agents = [objects.agent_pod(node, self.namespace, ACCOUNT) for node in self.nodes]
        each = len(objects.ROLES)
        others = [objects.application(number, self.node(number // each), self.namespace) for number in range(pods)]
        await self._create(f"{named}/pods", agents + others)
        wanted = [objects.connection(number, self.node(number), self.namespace) for number in range(connections)]
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

    async def versions(self) -> set[str]:
        """Return the version of every connection."""
        return {each["metadata"]["resourceVersion"] for each in await self.connections()}

    async def change(self, number: int, queue: int) -> None:
        """Give a connection's sinks another queue."""
        sinks = objects.connection(number, self.node(number), self.namespace, queue)["spec"]["sinks"]
        merge = "application/merge-patch+json"
        await self.api.request("PATCH", self._path(number), body={"spec": {"sinks": sinks}}, content_type=merge)

    async def add(self, number: int) -> None:
        """Make a further connection."""
        made = objects.connection(number, self.node(number), self.namespace)
        await self._create(f"{_CONNECTIONS}/namespaces/{self.namespace}/mediaconnections", [made])

    async def remove(self, number: int) -> None:
        """Delete a connection."""
        await self._delete(self._path(number))

    def node(self, number: int) -> str:
        """Return the node that a connection is on."""
        return self.nodes[number % len(self.nodes)]

    def full_name(self, number: int) -> str:
        """Return the name that a plan has for a connection."""
        return f"{self.namespace}/cam{number}"

    def _path(self, number: int) -> str:
        return f"{_CONNECTIONS}/namespaces/{self.namespace}/mediaconnections/cam{number}"

    async def _token(self, node: str) -> str:
        path = f"/api/v1/namespaces/{self.namespace}"
        pod = (await self.api.request("GET", f"{path}/pods/agent-{node}"))["metadata"]
        bound = {"apiVersion": "v1", "kind": "Pod", "name": pod["name"], "uid": pod["uid"]}
        spec = {"audiences": [AUDIENCE], "expirationSeconds": 3600, "boundObjectRef": bound}
        answer = await self.api.request("POST", f"{path}/serviceaccounts/{ACCOUNT}/token", body={"spec": spec})
        return str(answer["status"]["token"])

    async def _create(self, path: str, bodies: Iterable[Mapping[str, Any]]) -> None:
        await _some_at_once(self._one(path, body) for body in bodies)

    async def _one(self, path: str, body: Mapping[str, Any]) -> None:
        with contextlib.suppress(ObjectConflict):
            await self._patiently("POST", path, body)

    async def _delete(self, path: str) -> None:
        with contextlib.suppress(ObjectMissing):
            await self._patiently("DELETE", path)

    async def _patiently(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> None:
        """Ask again while the API server is too busy to answer in time."""
        for _ in range(_ATTEMPTS):
            with contextlib.suppress(ApiUnreachable):
                await self.api.request(method, path, body=body)
                return
        await self.api.request(method, path, body=body)


@contextlib.asynccontextmanager
async def population(nodes: int) -> AsyncIterator[Population]:
    """Give one, in the cluster of KUBECONFIG, that leaves nothing behind."""
    async with connected() as api:
        people = Population(api, f"scale-{uuid.uuid4().hex[:6]}", nodes)
        try:
            yield people
        finally:
            await people.empty()


async def _some_at_once(work: Iterable[Awaitable[Any]]) -> list[Any]:
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(awaited: Awaitable[Any]) -> Any:
        async with places:
            return await awaited

    return await asyncio.gather(*map(one, work))
