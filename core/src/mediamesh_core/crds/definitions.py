"""The kinds as the API server is told of them: names, scope, columns of `kubectl get`, schema."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from mediamesh_core.crds.structural import Schema, structural
from mediamesh_core.kinds.connection import MediaConnection, Spec
from mediamesh_core.kinds.network import MediaNetwork, NetworkSpec
from mediamesh_core.kinds.node import NodeStatus
from mediamesh_core.kinds.rules import RULES
from mediamesh_core.kinds.schema import VALIDATIONS
from mediamesh_core.kinds.status import ConnectionStatus, NetworkStatus

GROUP = "mediamesh.io"
VERSION = "v1alpha1"
_READY = '.status.conditions[?(@.type=="Ready")]'


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`."""

    name: str
    path: str
    type: str = "string"
    wide: bool = False
    """Only with `-o wide`."""

    def as_object(self) -> dict[str, Any]:
        """Return it as `additionalPrinterColumns` has it."""
        made: dict[str, Any] = {"name": self.name, "type": self.type, "jsonPath": self.path}
        return made | ({"priority": 1} if self.wide else {})


_READINESS = Column("Ready", f"{_READY}.status")
_AGE = Column("Age", ".metadata.creationTimestamp", "date")
_REASON = Column("Reason", f"{_READY}.reason", wide=True)
_MESSAGE = Column("Message", f"{_READY}.message", wide=True)


@dataclass(frozen=True, slots=True)
class CustomResource:
    """One of our kinds."""

    kind: str
    short: str
    namespaced: bool
    description: str
    spec: type[BaseModel] | None
    status: type[BaseModel]
    columns: tuple[Column, ...]

    @property
    def plural(self) -> str:
        """Its name in paths."""
        return f"{self.kind.lower()}s"

    @property
    def file_name(self) -> str:
        """Of its definition."""
        return f"{GROUP}_{self.plural}.yaml"


CUSTOM_RESOURCES = (
    CustomResource(
        "MediaConnection",
        "mc",
        namespaced=True,
        description=(MediaConnection.__doc__ or ""),
        spec=Spec,
        status=ConnectionStatus,
        columns=(
            _READINESS,
            Column("Source", ".status.source"),
            Column("Sinks", ".status.sinks"),
            Column("Node", ".status.node"),
            Column("Rate", ".status.rate"),
            _AGE,
            _REASON,
            _MESSAGE,
        ),
    ),
    CustomResource(
        "MediaNetwork",
        "mnet",
        namespaced=False,
        description=(MediaNetwork.__doc__ or ""),
        spec=NetworkSpec,
        status=NetworkStatus,
        columns=(
            _READINESS,
            Column("Backend", ".spec.backend"),
            Column("VLAN", ".spec.link.vlan", "integer"),
            Column("Multicast", ".spec.multicast.range"),
            _AGE,
            _REASON,
            _MESSAGE,
        ),
    ),
    CustomResource(
        "MediaNode",
        "mnode",
        namespaced=False,
        description="What a node has and runs; written by the operator, deleted with its Node.",
        spec=None,
        status=NodeStatus,
        columns=(
            _READINESS,
            Column("Flows", ".status.flows", "integer"),
            Column("Agent", ".status.agentVersion"),
            Column("Hub", ".status.hub.version"),
            _AGE,
            Column("Kernel", ".status.kernel", wide=True),
            _REASON,
            _MESSAGE,
        ),
    ),
)


def definition(resource: CustomResource) -> dict[str, Any]:
    """Return the CustomResourceDefinition of a kind."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{resource.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": _names(resource),
            "scope": "Namespaced" if resource.namespaced else "Cluster",
            "versions": [_version(resource)],
        },
    }


def _names(resource: CustomResource) -> dict[str, Any]:
    return {
        "kind": resource.kind,
        "listKind": f"{resource.kind}List",
        "plural": resource.plural,
        "singular": resource.kind.lower(),
        "shortNames": [resource.short],
        "categories": ["mediamesh"],
    }


def _version(resource: CustomResource) -> dict[str, Any]:
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [column.as_object() for column in resource.columns],
        "schema": {"openAPIV3Schema": _whole(resource)},
    }


def _whole(resource: CustomResource) -> Schema:
    """Return the schema of the object; its `metadata` is Kubernetes' own."""
    properties: Schema = {
        "apiVersion": {"type": "string", "description": "Group and version of the kind."},
        "kind": {"type": "string", "description": "Name of the kind."},
        "metadata": {"type": "object"},
    }
    if resource.spec is not None:
        properties["spec"] = structural(_schema(resource.spec))
    properties["status"] = structural(_schema(resource.status), defaults=False)
    whole: Schema = {"type": "object", "description": resource.description}
    if resource.kind in RULES:
        whole[VALIDATIONS] = [rule.as_schema() for rule in RULES[resource.kind]]
    return whole | ({"required": ["spec"]} if resource.spec else {}) | {"properties": properties}


def _schema(model: type[BaseModel]) -> Mapping[str, Any]:
    return model.model_json_schema(by_alias=True)
