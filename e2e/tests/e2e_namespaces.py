"""A namespace for a test, or for the tests of a file."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from mediamesh_e2e.backends.backend import Backend


@contextmanager
def a_namespace(backend: Backend) -> Iterator[str]:
    """Make a namespace that pods can be made in, and delete it."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    backend.kubectl("create", "namespace", name)
    # without it no pod is admitted; a controller makes it
    backend.kubectl("wait", "--namespace", name, "--for=create", "serviceaccount/default", "--timeout=30s")
    yield name
    backend.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")
