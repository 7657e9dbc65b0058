"""kubectl and helm, spoken to as a person does: what a user is told to type is what the tests use."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mediamesh_e2e.errors import ProgramFailed
from mediamesh_e2e.nodenames import NodeNames
from mediamesh_e2e.places import CACHE
from mediamesh_e2e.programs import run

Manifest = Mapping[str, Any]


class Kubectl:
    """The two clients for one cluster; `programs` is the folder they are in, or None for those on the PATH.

    Its nodes have the names that the tests give them, whatever the cluster's `names` are.
    """

    def __init__(self, kubeconfig: Path, programs: Path | None = None, names: NodeNames | None = None) -> None:
        path = os.environ.get("PATH", "")
        self.environment = {
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "PATH": f"{programs}{os.pathsep}{path}" if programs else path,
            # both would write to the home of whoever runs the tests
            "KUBECACHEDIR": str(CACHE / "clients"),
            **{f"HELM_{kind}_HOME": str(CACHE / "clients" / f"helm-{kind.lower()}") for kind in _HELM_FOLDERS},
        }
        self._programs = programs or Path()
        self.names = names or NodeNames()

    def __call__(self, *words: str, given: str | None = None, timeout: float = 120) -> str:
        """Run kubectl to its end and give what it wrote; raises `ProgramFailed` with what it said."""
        return self._run("kubectl", words, given, timeout)

    def helm(self, *words: str, timeout: float = 300) -> str:
        """Run helm as kubectl is run."""
        return self._run("helm", words, None, timeout)

    def _run(self, program: str, words: Iterable[str], given: str | None, timeout: float) -> str:
        command = [str(self._programs / program), *map(self.names.theirs, words)]
        told = None if given is None else self.names.theirs(given)
        try:
            return self.names.ours(run(command, given=told, environment=self.environment, timeout=timeout))
        except ProgramFailed as error:
            raise ProgramFailed(self.names.ours(error.message)) from error

    def apply(self, *manifests: Manifest, namespace: str = "default") -> None:
        """Create the objects, or make them what the manifests say."""
        self("apply", "--namespace", namespace, "-f", "-", given=_list(manifests))

    def create(self, manifest: Manifest) -> Any:
        """Create one object and give what became of it; for those that are answers, too, which nothing keeps."""
        return json.loads(self("create", "-f", "-", "--output", "json", given=json.dumps(manifest)))

    def get(self, *words: str, namespace: str = "default") -> Any:
        """Read an object (`"pod", "name"`), or a list of them (`"pods"`)."""
        return json.loads(self("get", *words, "--namespace", namespace, "--output", "json"))

    def record(self, folder: Path) -> None:
        """Write what a person would look at after a failure into files of a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "objects.txt").write_text(self("get", "nodes,all", "--all-namespaces", "--output", "wide"))
        (folder / "events.txt").write_text(self("events", "--all-namespaces"))
        (folder / "pods.txt").write_text(self("describe", "pods", "--all-namespaces"))
        for pod in self.get("pods", "--all-namespaces")["items"]:
            namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
            said = self("logs", name, "--namespace", namespace, "--all-containers", "--prefix", "--ignore-errors")
            (folder / f"{namespace}-{name}.log").write_text(said)


_HELM_FOLDERS = ("CACHE", "CONFIG", "DATA")


def _list(manifests: Iterable[Manifest]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
