"""What is done to a release besides installing it: packed anew, changed, tested, left without operators."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mediamesh_e2e.backends.backend import Backend
from mediamesh_e2e.patience import until
from mediamesh_e2e.release.chart import CHART, NAME, NAMESPACE, Release

PLACED = ("--namespace", NAMESPACE)


def packaged(backend: Backend, version: str, folder: Path) -> Path:
    """Pack the chart of this checkout as another version, and give the file."""
    words = [str(CHART), f"--version={version}", f"--app-version={version}", f"--destination={folder}"]
    backend.kubectl.helm("package", *words)
    return folder / f"{NAME}-{version}.tgz"


def changed(release: Release, values: Mapping[str, Any]) -> None:
    """Change values of the release, also to what no node can be ready with."""
    words = [f"--set-json={key}={json.dumps(value)}" for key, value in values.items()]
    release.backend.kubectl.helm("upgrade", NAME, str(CHART), *PLACED, "--reuse-values", *words, "--wait")


def helm_test(release: Release) -> str:
    """Let helm test the release and give what it said; raises `ProgramFailed` with it when the test fails."""
    return release.backend.kubectl.helm("test", NAME, *PLACED, "--timeout=4m")


def images(release: Release) -> set[str]:
    """Give the images of the pods that the release has now."""
    pods = release.backend.kubectl.get("pods", namespace=NAMESPACE)["items"]
    return {each["image"] for pod in pods for each in pod["spec"]["containers"]}


def run_operators(release: Release, replicas: int) -> None:
    """Let so many operators run, and wait until they do."""
    operator = [f"deployment/{NAME}-operator", *PLACED]
    release.backend.kubectl("scale", *operator, f"--replicas={replicas}")
    release.backend.kubectl("rollout", "status", *operator, "--timeout=100s")
    chosen = ["pods", "--selector=app.kubernetes.io/component=operator"]
    until(
        lambda: len(release.backend.kubectl.get(*chosen, namespace=NAMESPACE)["items"]) == replicas,
        f"{replicas} operators",
        seconds=60,
    )
