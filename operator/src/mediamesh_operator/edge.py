"""The edge: what the API server tells of is put into the world, and its key into the queue. Nothing else.

Nothing here can fail by itself, waits, or decides: retries and backoff are the queue's.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from mediamesh_operator.world import World

Event = Mapping[str, Any]
"""`type`: None (from a list), ADDED, MODIFIED or DELETED; `object`: the body."""


class Edge:
    """What is done with an event, by kind, and with a list."""

    def __init__(self, world: World, changed: Callable[[str, str], None]) -> None:
        self._world = world
        self._changed = changed

    def connection(self, event: Event) -> None:
        """A MediaConnection is another, or gone."""
        put = self._world.drop_connection if event["type"] == "DELETED" else self._world.put_connection
        self._changed("connection", put(event["object"]))

    def network(self, event: Event) -> None:
        """A MediaNetwork is another, or gone; plans do not look at networks yet."""
        put = self._world.drop_network if event["type"] == "DELETED" else self._world.put_network
        put(event["object"])

    def media_node(self, event: Event) -> None:
        """A MediaNode is another, or gone."""
        put = self._world.drop_media_node if event["type"] == "DELETED" else self._world.put_media_node
        self._changed("medianode", put(event["object"]))

    def node(self, event: Event) -> None:
        """A Node is another, or gone."""
        put = self._world.drop_node if event["type"] == "DELETED" else self._world.put_node
        if put(event["object"]):
            self._changed("node", event["object"]["metadata"]["name"])

    def pod(self, event: Event) -> None:
        """A pod is another, or gone."""
        put = self._world.drop_pod if event["type"] == "DELETED" else self._world.put_pod
        if put(event["object"]):
            self._changed("pod", event["object"]["metadata"]["uid"])

    def only(self, plural: str, uids: Collection[str]) -> None:
        """There are no others of a kind than these."""
        if gone := self._world.uids(plural).difference(uids):
            self._world.forget(plural, gone)
            self._changed("list", plural)
