"""Writes what is made of the definitions, or checks that it is current."""

import json
from collections.abc import Iterator
from pathlib import Path

import yaml

from mediamesh_core.generated import write_or_check
from mediamesh_core.monitoring.dashboard import dashboard
from mediamesh_core.monitoring.pages import alerts_page, metrics_page
from mediamesh_core.monitoring.rules import rule_file

_CHART = Path("charts/mediamesh/monitoring")
_HEADING = "# Written by `python -m mediamesh_core.monitoring`; do not edit by hand.\n"


def files() -> Iterator[tuple[Path, str]]:
    """Yield every file, relative to the repository, and what is in it."""
    yield Path("docs/reference/metrics.md"), metrics_page()
    yield Path("docs/reference/alerts.md"), alerts_page()
    yield _CHART / "rules.yaml", _HEADING + yaml.safe_dump(rule_file(), sort_keys=False, width=110)
    yield _CHART / "dashboard.json", json.dumps(dashboard(), indent=1) + "\n"


if __name__ == "__main__":
    write_or_check("mediamesh_core.monitoring", files())
