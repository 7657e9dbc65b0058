"""Reading the fields of a format out of a mapping, and refusing what is wrong with it.

A wrong field is a `FormatError` that carries the field's name beside its
message, so that the caller can put the place in the file in front of it.
"""

from collections.abc import Iterable, Mapping

from mediamesh_core.errors import UserError
from mediamesh_core.suggestions import did_you_mean, not_one_of, shown

MAX_BYTES = 2**32 - 8192
"""A frame, its header page included, must be addressable by a memif offset, which has 32 bits."""


class FormatError(UserError):
    """A field of a format has a value that it cannot have."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__("InvalidFormat", f"{field}: {message}" if field else message)
        self.field = field
        self.bare_message = message

    def __reduce__(self) -> tuple[type["FormatError"], tuple[str, str]]:
        return type(self), (self.field, self.bare_message)


def check_integer(field: str, value: object, lowest: int, highest: int) -> int:
    """Return `value` if it is an integer of that range."""
    number = _integer(field, value)
    if not lowest <= number <= highest:
        raise FormatError(field, f"{shown(number)} is not between {lowest} and {highest}")
    return number


def _integer(field: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise FormatError(field, f"{shown(value)} is not an integer")
    return value


def check_choice(field: str, value: object, allowed: Iterable[str]) -> str:
    """Return `value` if it is one of the allowed words."""
    words = list(allowed)
    if not isinstance(value, str) or value not in words:
        raise FormatError(field, not_one_of(value, words))
    return value


class Fields:
    """A mapping whose entries are taken one by one; whatever is left at the end is unknown."""

    def __init__(self, kind: str, spec: object) -> None:
        if not isinstance(spec, Mapping):
            raise FormatError(kind, f"{shown(spec)} is not a mapping of fields")
        self._kind = kind
        self._spec = dict(spec)
        self._known: list[str] = []

    def take(self, name: str) -> object:
        """Return the value of a field, None where it is absent."""
        self._known.append(name)
        return self._spec.pop(name, None)

    def needed(self, name: str) -> object:
        """Return the value of a field that must be there."""
        value = self.take(name)
        if value is None:
            raise FormatError(f"{self._kind}.{name}", "is missing")
        return value

    def integer(self, name: str, default: int | None = None) -> int:
        """Return an integer field; its range is the format's own business."""
        value = self.needed(name) if default is None else self.take(name)
        return _integer(f"{self._kind}.{name}", default if value is None else value)

    def optional_integer(self, name: str) -> int | None:
        """Return an integer field that may be absent; its range is the format's own business."""
        value = self.take(name)
        return None if value is None else _integer(f"{self._kind}.{name}", value)

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text field."""
        value = self.needed(name) if default is None else self.take(name)
        found = default if value is None else value
        if not isinstance(found, str):
            raise FormatError(f"{self._kind}.{name}", f"{shown(found)} is not a text")
        return found

    def finish(self) -> None:
        """Refuse the fields that nobody took."""
        for name in self._spec:
            hint = did_you_mean(name, self._known) or f"; the fields are {', '.join(self._known)}"
            raise FormatError(f"{self._kind}.{name}", f"there is no such field{hint}")
