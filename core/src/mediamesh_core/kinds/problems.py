"""From pydantic's errors to sentences for people: the field, the value, the fix."""

from collections.abc import Iterator, Mapping
from re import findall
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from mediamesh_core.kinds.base import Model
from mediamesh_core.kinds.documents import Place
from mediamesh_core.suggestions import did_you_mean, not_one_of, shown

_TYPES = {
    "string_type": "a text",
    "int_type": "an integer",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping of fields",
    "tuple_type": "a list",
    "list_type": "a list",
}
_BOUNDS = {
    "greater_than_equal": ("ge", "below the least, {}"),
    "less_than_equal": ("le", "above the most, {}"),
}


def problems(error: ValidationError, kind: type[BaseModel]) -> Iterator[tuple[Place, str]]:
    """Yield each problem once: where it is, and "spec.sinks[1].delivery.policy: …"."""
    seen: set[tuple[Place, str]] = set()
    for details in error.errors(include_url=False):
        place, message = _place(details), _message(details, kind)
        if (place, message) not in seen:
            seen.add((place, message))
            yield place, f"{_written(place)}: {message}" if place else message


def _written(place: Place) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")


def _place(details: ErrorDetails) -> Place:
    """Where it is; pydantic also names the branches of a union, which nobody wrote."""
    walked = [part for part in details["loc"] if isinstance(part, int) or not _is_branch(part)]
    field = details.get("ctx", {}).get("field", "")
    return (*walked, *(int(part) if part.isdecimal() else part for part in findall(r"[^.\[\]]+", field)))


def _is_branch(part: str) -> bool:
    return "[" in part or part in ("int", "constrained-int")


def _message(details: ErrorDetails, kind: type[BaseModel]) -> str:
    what, value, context = details["type"], details["input"], details.get("ctx", {})
    if what == "missing":
        return "is missing"
    if what == "extra_forbidden":
        return _unknown(str(details["loc"][-1]), _model_at(details["loc"][:-1], kind))
    if what == "literal_error":
        return not_one_of(value, findall(r"'([^']*)'", str(context["expected"])))
    if what in _TYPES:
        return f"{_mapping_or_value(value)} is not {_TYPES[what]}"
    if what in _BOUNDS:
        key, text = _BOUNDS[what]
        return f"{shown(value)} is {text.format(context[key])}"
    return details["msg"] if what == "refused" else f"{shown(value)}: {details['msg']}"


def _mapping_or_value(value: object) -> str:
    return "a mapping" if isinstance(value, Mapping) else shown(value)


def _unknown(field: str, model: type[BaseModel]) -> str:
    names = [info.alias or name for name, info in model.model_fields.items()]
    hint = did_you_mean(field, names)
    choices = model.choices if issubclass(model, Model) else ()
    if choices and not hint:
        return f"this version does not have it; it has {', '.join(map(to_camel, choices))}"
    return f"there is no such field{hint or '; the fields are ' + ', '.join(names)}"


def _model_at(location: tuple[int | str, ...], kind: type[BaseModel]) -> type[BaseModel]:
    model = kind
    for part in location:
        if isinstance(part, str):
            by_alias = {info.alias or name: info.annotation for name, info in model.model_fields.items()}
            model = _model_in(by_alias.get(part)) or model
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model in `X`, `X | None` or `tuple[X, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(argument) for argument in get_args(annotation))
    return next((model for model in found if model), None)
