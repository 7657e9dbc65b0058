"""As much of a Kubernetes client as starting a cluster needs; tests use kubectl and the project its own."""

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mediamesh_e2e.cluster.certificates import Identity

TIMEOUT = 5.0


class Api:
    """The API server at an address, spoken to as one identity."""

    def __init__(self, server: str, authority: Path, identity: Identity) -> None:
        self._server = server
        self._context = ssl.create_default_context(cafile=str(authority))
        self._context.load_cert_chain(identity.certificate, identity.key)

    def ready(self) -> bool:
        """Whether it serves, and says of itself that it is ready."""
        try:
            return bool(self._ask("/readyz"))
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def get(self, path: str) -> Any:
        """Read an object."""
        return json.loads(self._ask(path))

    def create(self, path: str, manifest: Mapping[str, object]) -> None:
        """Create an object."""
        self._ask(path, json.dumps(manifest).encode())

    def _ask(self, path: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(  # noqa: S310  (the address is ours)
            self._server + path, data=body, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT, context=self._context) as answer:  # noqa: S310
            content: bytes = answer.read()
        return content
