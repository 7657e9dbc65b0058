"""Writes the definitions, or checks that they are current."""

from collections.abc import Iterator
from pathlib import Path

import yaml

from mediamesh_core.crds.definitions import CUSTOM_RESOURCES, CustomResource, definition
from mediamesh_core.generated import write_or_check

_HEADING = "# Written by `python -m mediamesh_core.crds` from the models of the kinds; do not edit by hand.\n"
_ANNOTATION = """\
  {{- if .Values.crds.keep }}
  annotations:
    helm.sh/resource-policy: keep
  {{- end }}
  labels:
    {{- include "mediamesh.labels" (dict "root" . "component" "crds") | nindent 4 }}
"""


def plain(resource: CustomResource) -> str:
    """Return the definition for `kubectl apply`."""
    text: str = yaml.safe_dump(definition(resource), sort_keys=False, width=110, allow_unicode=True)
    return _HEADING + text


def templated(resource: CustomResource) -> str:
    """Return the definition as a template of the chart."""
    text = plain(resource).replace("{{", '{{ "{{" }}')
    name = f"  name: {resource.plural}.mediamesh.io\n"
    return f"{{{{- if .Values.crds.enabled }}}}\n{text.replace(name, name + _ANNOTATION, 1)}{{{{- end }}}}\n"


def files() -> Iterator[tuple[Path, str]]:
    """Yield every file, relative to the repository, and what is in it."""
    for resource in CUSTOM_RESOURCES:
        yield Path("crds") / resource.file_name, plain(resource)
        yield Path("charts/mediamesh/templates/crds") / resource.file_name, templated(resource)


if __name__ == "__main__":
    write_or_check("mediamesh_core.crds", files())
