"""The cluster as placing looks at it: nodes by name, pods by label, and where everything was.

What a placement looks at is noted, with what it saw. A placement is the same as long as every look that it took still
shows the same, so nobody has to know which of its inputs can change what (`Planner`).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mediamesh_core.planner.cluster import Node, Pod
from mediamesh_core.planner.podindex import PodIndex, selector

Notes = tuple[Any, ...]
"""Looks, each with where it was taken and what was seen: all in one row, since there are very many of them."""
_LOCAL, _ABLE, _RECORDING = "local", "able", "recording"


def holds(notes: Notes) -> bool:
    """Whether everything that was noted is still so."""
    row = iter(notes)
    for look, place, seen in zip(row, row, row, strict=True):
        now = look(place)
        if now is not seen and now != seen:
            return False
    return True


class Landscape:
    """What a placement depends on besides its connection; one at a time, so that its notes are its own."""

    def __init__(self) -> None:
        self.pods = PodIndex()
        self.nodes: dict[str, Node] = {}
        """By name, in the order of names."""
        self._placed: dict[str, str] = {}
        self._facts: dict[str, Any] = {}
        self._notes: list[Any] = []
        # a method is a new object each time that it is asked for, and notes keep very many of them
        self._node, self._was, self._fact = self.nodes.get, self._placed.get, self._facts.get
        self._matching = self.pods.found

    def renew(self, nodes: Iterable[Node], pods: Iterable[Pod], placed: Mapping[str, str]) -> None:
        """Be the cluster as it is now. The tables stay the same objects, because notes look into them."""
        _replace(self.nodes, {node.name: node for node in sorted(nodes, key=lambda node: node.name)})
        _replace(self._placed, placed)
        self.pods.renew(pods)
        able = [node for node in self.nodes.values() if node.ready]
        self._facts[_LOCAL] = next((node.name for node in able if node.local), "")
        self._facts[_ABLE] = tuple(node.name for node in able)
        self._facts[_RECORDING] = tuple(node.name for node in able if node.media)

    def noted(self) -> Notes:
        """Return what was looked at since this was asked the last time."""
        notes, self._notes = tuple(self._notes), []
        return notes

    def node(self, name: str) -> Node | None:
        """Return a node; None: there is no such node."""
        node: Node | None = self._look(self._node, name)
        return node

    def matching(self, namespace: str, labels: Mapping[str, str]) -> tuple[Pod, ...]:
        """Return the namespace's pods with these labels, oldest first."""
        found: tuple[Pod, ...] = self._look(self._matching, selector(namespace, labels))
        return found

    def was(self, full_name: str) -> str:
        """Return the node where a connection was; "": nowhere."""
        return self._look(self._was, full_name) or ""

    @property
    def local(self) -> str:
        """The local node, if that is the one to plan for."""
        return str(self._look(self._fact, _LOCAL))

    def able(self, *, recording: bool) -> tuple[str, ...]:
        """Return the nodes with an agent, by name; `recording`: those of them with a media folder."""
        names: tuple[str, ...] = self._look(self._fact, _RECORDING if recording else _ABLE)
        return names

    def _look(self, look: Callable[[Any], Any], place: object) -> Any:
        seen = look(place)
        self._notes += look, place, seen
        return seen


def _replace(table: dict[str, Any], by: Mapping[str, Any]) -> None:
    table.clear()
    table.update(by)
