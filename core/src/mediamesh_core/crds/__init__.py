"""The CustomResourceDefinitions, made of the kinds.

`python -m mediamesh_core.crds` writes `crds/*.yaml` and the chart's copies of them; with `--check` it fails if one is
stale. Nobody edits them.
"""

from mediamesh_core.crds.definitions import CUSTOM_RESOURCES, CustomResource, definition

__all__ = ["CUSTOM_RESOURCES", "CustomResource", "definition"]
