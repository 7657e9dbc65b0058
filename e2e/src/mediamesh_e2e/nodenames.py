"""The names of nodes: tests say node-a and node-b, whatever a cluster calls its own.

What is said to the clients is translated on the way there, and what they say on the way back. Only whole names are: a
pod `mediamesh-node-a7k2q` is no node.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

NODES: Final = ("node-a", "node-b")


class NodeNames:
    """Translates between the tests' names and a cluster's."""

    def __init__(self, names: Sequence[str] = NODES) -> None:
        """`names` are the cluster's, in the order of ours."""
        self._theirs = {role: name for role, name in zip(NODES, names, strict=True) if tuple(names) != NODES}
        self._ours = {name: role for role, name in self._theirs.items()}

    def theirs(self, text: str) -> str:
        """Return a text of the tests as the cluster has it."""
        return _translated(text, self._theirs)

    def ours(self, text: str) -> str:
        """Return a text of the cluster as the tests have it."""
        return _translated(text, self._ours)


def _translated(text: str, names: Mapping[str, str]) -> str:
    if not names:
        return text
    longest_first = sorted(map(re.escape, names), key=len, reverse=True)
    return re.sub(rf"(?<![\w.-])(?:{'|'.join(longest_first)})(?![\w-]|\.\w)", lambda found: names[found[0]], text)
