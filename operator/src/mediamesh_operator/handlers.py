"""The kopf edge: what the API server tells of is put into the world, and its key into the queue. Nothing else.

kopf calls an `on.event` handler once and drops its errors, so nothing that can fail is done in one: no request, no
decision. Of kopf this uses the watching alone, with its lists, bookmarks and reconnects; it stores nothing in objects
and posts nothing. Retries and backoff are the queue's; what a broken watch has missed, the `census` finds.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import Any, Final

import kopf

from mediamesh_operator.world import World

GROUP: Final = "mediamesh.io"
_NAME: Any = "mediamesh-operator"
"""Without a name kopf makes one of the user's, and a container's user has none."""
_WORKERS: Final = 50
_IDLE: Final = 0.02
"""Seconds after which kopf's worker of an object ends: it must not hold one of `_WORKERS` places for long."""
Event = Mapping[str, Any]
"""`type`: None (from a list), ADDED, MODIFIED or DELETED; `object`: the body."""


async def watch(world: World, changed: Callable[[str, str], None], pod_fields: str, begun: Callable[[], None]) -> None:
    """Keep `world` as the cluster is, and tell `changed` the kind and name of what is another; until cancelled.

    `begun` is called once kopf has taken the signals of the process, so that they can be taken back.
    """
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(_login)
    edge = Edge(world, changed)
    _register(registry, edge)
    settings = _settings(pod_fields)
    tasks = await kopf.spawn_tasks(
        registry=registry, settings=settings, identity=_NAME, standalone=True, clusterwide=True
    )
    begun()
    await kopf.run_tasks(tasks, ignored=asyncio.all_tasks() - set(tasks))


def _register(registry: kopf.OperatorRegistry, edge: "Edge") -> None:
    kopf.on.event(GROUP, "mediaconnections", registry=registry)(edge.connection)
    kopf.on.event(GROUP, "medianetworks", registry=registry)(edge.network)
    kopf.on.event(GROUP, "medianodes", registry=registry)(edge.media_node)
    kopf.on.event("", "v1", "nodes", registry=registry)(edge.node)
    kopf.on.event("", "v1", "pods", registry=registry)(edge.pod)


class Edge:
    """The handlers. They get the body as it came: kopf's own view of it makes another view at every step."""

    def __init__(self, world: World, changed: Callable[[str, str], None]) -> None:
        self._world = world
        self._changed = changed

    async def connection(self, event: Event, **_: Any) -> None:
        """A MediaConnection is another, or gone."""
        put = self._world.drop_connection if event["type"] == "DELETED" else self._world.put_connection
        self._changed("connection", put(event["object"]))

    async def network(self, event: Event, **_: Any) -> None:
        """A MediaNetwork is another, or gone; plans do not look at networks yet."""
        put = self._world.drop_network if event["type"] == "DELETED" else self._world.put_network
        put(event["object"])

    async def media_node(self, event: Event, **_: Any) -> None:
        """A MediaNode is another, or gone."""
        put = self._world.drop_media_node if event["type"] == "DELETED" else self._world.put_media_node
        self._changed("medianode", put(event["object"]))

    async def node(self, event: Event, **_: Any) -> None:
        """A Node is another, or gone."""
        put = self._world.drop_node if event["type"] == "DELETED" else self._world.put_node
        if put(event["object"]):
            self._changed("node", event["object"]["metadata"]["name"])

    async def pod(self, event: Event, **_: Any) -> None:
        """A pod is another, or gone."""
        put = self._world.drop_pod if event["type"] == "DELETED" else self._world.put_pod
        if put(event["object"]):
            self._changed("pod", event["object"]["metadata"]["uid"])


def _settings(pod_fields: str) -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.queueing.worker_limit = _WORKERS
    settings.queueing.idle_timeout = _IDLE
    settings.watching.chunk_size = 500
    settings.watching.field_selectors["pods"] = pod_fields
    settings.networking.request_timeout = 30
    settings.persistence.finalizer = f"{GROUP}/operator"
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=f"operator.{GROUP}")
    settings.persistence.diffbase_storage = _Nothing()
    return settings


class _Nothing(kopf.DiffBaseStorage):
    """What kopf remembers of an object, to tell what has changed; it would copy each whole, and nobody asks."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence({})

    def fetch(self, **_: Any) -> kopf.BodyEssence | None:
        return None

    def store(self, **_: Any) -> None:
        pass


def _login(**arguments: Any) -> kopf.ConnectionInfo | None:
    """As `storage` does: by KUBECONFIG where that is set, else as the pod's service account."""
    login = kopf.login_with_kubeconfig if os.environ.get("KUBECONFIG") else kopf.login_with_service_account
    return login(**arguments)
