"""What all models have in common: camelCase in YAML, nothing unknown, nothing converted, nothing changed."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, NoReturn

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from mediamesh_core.kinds.rules import NAME
from mediamesh_core.kinds.schema import text


def refuse(message: str, field: str = "") -> NoReturn:
    """Refuse the value being validated; `field` names the part of it that is wrong, where it is a mapping."""
    raise PydanticCustomError("refused", "{reason}", {"reason": message, "field": field})


class Model(BaseModel):
    """A mapping of a kind."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        extra="forbid",
        strict=True,
        frozen=True,
        use_attribute_docstrings=True,
    )
    choices: ClassVar[tuple[str, ...]] = ()
    """Fields of which exactly one is given; named in the answer to a field that does not exist."""
    may_be_empty: ClassVar[tuple[str, ...]] = ()
    """Those of the choices that need nothing below them, so that `{}` is what someone meant who wrote nothing."""

    def chosen(self) -> str:
        """Return the name of the one choice that is given; refuse none and several."""
        given = [name for name in self.choices if getattr(self, name) is not None]
        if len(given) != 1:
            names, found = ", ".join(map(to_camel, self.choices)), " and ".join(map(to_camel, given))
            wanted = f"exactly one of {names} is needed, not {found or 'none'}"
            refuse(wanted + ("" if given else self._emptied()))
        return given[0]

    def _emptied(self) -> str:
        """Say how to write a choice that has been left without a value."""
        emptied = [name for name in self.choices if name in self.model_fields_set]
        if not emptied:
            return ""
        fix = f"write `{emptied[0]}: {{}}`" if emptied[0] in self.may_be_empty else "write its fields below it"
        return f"; `{emptied[0]}:` is empty: {fix}"


def _label(value: str) -> str:
    letters = value.replace("-", "")
    plain = letters.isascii() and letters.isalnum() and letters == letters.lower()
    if not plain or len(value) > 63 or value.startswith("-") or value.endswith("-"):
        refuse(f"{value[:80]!r} is not a name: 1 to 63 of a-z, 0-9 and '-', with a letter or digit at both ends")
    return value


Label = Annotated[str, AfterValidator(_label), text(63, NAME)]
"""A DNS label (RFC 1123), as Kubernetes has it: it becomes part of socket, lock and metric names."""


NodeName = Annotated[str, Field(max_length=253, pattern="^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")]
"""Of a node, as Kubernetes has it: a DNS subdomain."""

Reason = Annotated[str, Field(max_length=64, pattern="^[A-Z][A-Za-z0-9]*$")]
"""A CamelCase word that never changes."""


def twice(names: Sequence[str]) -> list[str]:
    """Return the names that occur more than once."""
    return [name for number, name in enumerate(names) if name in names[:number]]
