"""Publishes what a killed recorder left behind.

The name of a part is not known, because it was made of the time at which the recording began. But the template is:
every folder and every part that it could have become is looked at. Parts that another recorder is writing at the
moment are locked and stay as they are.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from mediamesh_bridges.file.folder import components, open_folder
from mediamesh_bridges.file.naming import folder_pattern, leftovers
from mediamesh_bridges.file.part import recover
from mediamesh_bridges.file.writers import repair_for


def publish_leftovers(root: Path, template: str) -> list[str]:
    """Publish every leftover of a recording template; return their paths below `root`."""
    *folders, name = components(template)
    published = []
    for filled in _folders(root, (), folders):
        with open_folder(root, filled) as folder:
            published += ["/".join((*filled, new)) for new in recover(folder, leftovers(name), repair_for(name))]
    return published


def _folders(root: Path, above: tuple[str, ...], templates: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield the folders that a template's folders became; links are not followed."""
    if not templates:
        yield above
        return
    pattern = folder_pattern(templates[0])
    with open_folder(root, above) as folder, os.scandir(folder) as entries:
        found = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    for name in found:
        if pattern.fullmatch(name):
            yield from _folders(root, (*above, name), templates[1:])
