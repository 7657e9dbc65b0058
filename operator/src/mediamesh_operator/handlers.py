"""kopf, which watches our own kinds and passes on what it hears to the `edge`.

kopf calls an `on.event` handler once and drops its errors, so nothing that can fail is done in one: no request, no
decision. Of kopf this uses the watching alone, with its lists, bookmarks and reconnects; it stores nothing in objects
and posts nothing. What a broken watch has missed, the `census` finds. Pods and nodes, of which there are many and we
look at little, are `following`'s.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import Any, Final

import kopf

from mediamesh_operator.edge import Edge, Event

GROUP: Final = "mediamesh.io"
_NAME: Any = "mediamesh-operator"
"""Without a name kopf makes one of the user's, and a container's user has none."""
_WORKERS: Final = 50
_IDLE: Final = 0.02
"""Seconds after which kopf's worker of an object ends: it must not hold one of `_WORKERS` places for long."""


async def watch(edge: Edge, begun: Callable[[], None]) -> None:
    """Tell `edge` of all objects of our kinds, and of what becomes of them; until cancelled.

    `begun` is called once kopf has taken the signals of the process, so that they can be taken back.
    """
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(_login)
    _register(registry, edge)
    tasks = await kopf.spawn_tasks(
        registry=registry, settings=_settings(), identity=_NAME, standalone=True, clusterwide=True
    )
    begun()
    await kopf.run_tasks(tasks, ignored=asyncio.all_tasks() - set(tasks))


def _register(registry: kopf.OperatorRegistry, edge: Edge) -> None:
    kopf.on.event(GROUP, "mediaconnections", registry=registry)(_handler(edge.connection))
    kopf.on.event(GROUP, "medianetworks", registry=registry)(_handler(edge.network))
    kopf.on.event(GROUP, "medianodes", registry=registry)(_handler(edge.media_node))


def _handler(take: Callable[[Event], None]) -> Callable[..., Coroutine[Any, Any, None]]:
    """Return a handler that passes on the event as it came: kopf's own view of it makes another view at every step."""

    async def handler(event: Event, **_: Any) -> None:
        take(event)

    return handler


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.queueing.worker_limit = _WORKERS
    settings.queueing.idle_timeout = _IDLE
    settings.watching.chunk_size = 500
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
