"""The chart, rendered by helm as a user's would: values in, objects out."""

import json
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from mediamesh_e2e.clients import helm
from mediamesh_e2e.places import CACHE
from mediamesh_e2e.programs import run

CHART = Path(__file__).parents[1] / "mediamesh"
MUTATING = "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"
Object = dict[str, Any]
_HOMES = {f"HELM_{kind}_HOME": str(CACHE / "clients" / f"helm-{kind.lower()}") for kind in ("CACHE", "CONFIG", "DATA")}


def helm_says(*words: str | Path, given: str | None = None) -> str:
    """Run helm; raises `ProgramFailed` with what it said."""
    return run([helm(), *words], given=given, environment={**os.environ, **_HOMES}, timeout=60)


def rendered(values: Mapping[str, Any] | None = None, *, apis: tuple[str, ...] = ()) -> list[Object]:
    """Return the objects of a release `media` in namespace `media`; raises `ProgramFailed` if helm refuses."""
    return [*_rendered(json.dumps(values or {}), apis)]


@cache
def _rendered(values: str, apis: tuple[str, ...]) -> tuple[Object, ...]:
    served = [word for api in apis for word in ("--api-versions", api)]
    text = helm_says("template", "media", CHART, "--namespace", "media", "--values", "-", *served, given=values)
    return tuple(one for one in yaml.load_all(text, yaml.CSafeLoader) if one)


def only(objects: list[Object], kind: str, end: str = "") -> Object:
    """Return the one object of a kind whose name ends so."""
    (found,) = (one for one in objects if one["kind"] == kind and one["metadata"]["name"].endswith(end))
    return found


def nested(path: str, value: object) -> dict[str, Any]:
    """Return values with one of them set: `"a.b", 1` is `{"a": {"b": 1}}`."""
    first, _, rest = path.partition(".")
    return {first: nested(rest, value) if rest else value}
