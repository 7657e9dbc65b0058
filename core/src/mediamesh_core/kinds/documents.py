"""YAML from a stranger: read without surprises and within bounds.

What is read is the YAML that Kubernetes reads, minus what is only good for
accidents and attacks. A key that is given twice is refused, as is a key that is not a text (YAML takes `on` for true),
and every tag but the plain ones; dates stay texts. Size, depth and the number of nodes *after
aliases are expanded* are bounded before anything is built, so a few lines that
stand for billions of nodes cost nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import yaml
from yaml.constructor import ConstructorError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.resolver import Resolver

from mediamesh_core.suggestions import shown

MAX_CHARACTERS = 256 * 1024
MAX_DEPTH = 32
MAX_NODES = 20_000
_TAG = "tag:yaml.org,2002:"
_STR, _MERGE = _TAG + "str", _TAG + "merge"
_PLAIN_TAGS = frozenset(_TAG + name for name in ("null", "bool", "int", "float", "str", "seq", "map", "merge"))


Place = tuple[int | str, ...]
"""The way to a value: keys of mappings and numbers of items."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document as plain Python values, and where in the text they are."""

    value: object
    node: Node

    def lines(self) -> dict[Place, int]:
        """Return the line, from 1, of every value: that of its key, or of its item."""
        found: dict[Place, int] = {}
        _locate(self.node, self.node, (), found)
        return found


class TooMuch(yaml.MarkedYAMLError):
    """The document is larger or deeper than any that makes sense."""


class _PlainResolver(Resolver):
    """Which tag a scalar has by itself: as in YAML 1.1, but dates are texts."""


_PlainResolver.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag in _PLAIN_TAGS]
    for first, resolvers in Resolver.yaml_implicit_resolvers.items()
}


class _Loader(_PlainResolver, yaml.SafeLoader):
    """PyYAML's safe loader with the bounds; the Python one, since the C one cannot be told a depth."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise TooMuch(problem=f"nested more than {MAX_DEPTH} deep", problem_mark=self._mark())
        node: Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_object(self, node: Node, deep: bool = False) -> object:  # noqa: FBT001, FBT002  # as PyYAML has it
        try:
            return super().construct_object(node, deep)
        except ValueError as error:
            raise ConstructorError(problem=f"cannot be read: {error}", problem_mark=node.start_mark) from error

    def _mark(self) -> yaml.Mark:
        mark: yaml.Mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        return mark

    def documents(self) -> Iterator[Document]:
        """Yield every document."""
        while self.check_node():
            node: Any = self.get_node()
            if _expanded(node, {}) > MAX_NODES:
                raise TooMuch(problem=f"stands for more than {MAX_NODES} values", problem_mark=node.start_mark)
            yield Document(self.construct_document(node), node)


def documents(text: str) -> Iterator[Document]:
    """Yield the documents of a YAML text.

    Raises
    ------
    yaml.YAMLError
        The text is not YAML, or beyond the bounds, or a scalar is not what it looks like (a number with thousands of
        digits).
    """
    if len(text) > MAX_CHARACTERS:
        raise TooMuch(problem=f"has {len(text)} characters, the most is {MAX_CHARACTERS}")
    loader = _Loader(text)
    try:
        yield from loader.documents()
    finally:
        loader.dispose()


def _expanded(node: Node, sizes: dict[int, int]) -> int:
    """Count the nodes below `node`, what an alias stands for each time anew; refuses cycles and foreign tags."""
    known = sizes.get(id(node))
    if known is not None:
        if known == 0:
            raise TooMuch(problem="contains itself", problem_mark=node.start_mark)
        return known
    sizes[id(node)] = 0
    _check_tag(node)
    if isinstance(node, MappingNode):
        _check_keys(node)
    size = 1 + sum(_expanded(child, sizes) for child in _children(node))
    sizes[id(node)] = size
    return size


def _children(node: Node) -> Iterator[Node]:
    if isinstance(node, SequenceNode):
        yield from node.value
    elif isinstance(node, MappingNode):
        for key, value in node.value:
            yield key
            yield value


def _locate(node: Node, mark: Node, place: Place, found: dict[Place, int]) -> None:
    """Note the lines of `node`, whose key is `mark`, and of all below it: as many as were counted before."""
    found[place] = mark.start_mark.line + 1
    if isinstance(node, MappingNode):
        for key, value in node.value:
            _locate(value, key, (*place, key.value), found)
    elif isinstance(node, SequenceNode):
        for number, item in enumerate(node.value):
            _locate(item, item, (*place, number), found)


def _check_tag(node: Node) -> None:
    if node.tag not in _PLAIN_TAGS or (isinstance(node, ScalarNode) and not _is_natural(node)):
        _refuse(f"the tag {node.tag!r} is not for {shown(node.value)}", node)


def _is_natural(node: ScalarNode) -> bool:
    """Whether the value would have got its tag without being told; any value can be a text."""
    resolver: Any = _PlainResolver()
    return node.tag in (_STR, resolver.resolve(ScalarNode, node.value, (True, False)))


def _check_keys(node: MappingNode) -> None:
    seen: set[str] = set()
    for key, _ in node.value:
        if key.tag not in (_STR, _MERGE):
            _refuse(f"the key {shown(key.value)} is not a text; quote it", key)
        if key.value in seen:
            _refuse(f"the key {shown(key.value)} is given twice", key)
        seen.add(key.value)


def _refuse(problem: str, node: Node) -> NoReturn:
    raise ConstructorError(problem=problem, problem_mark=node.start_mark)
