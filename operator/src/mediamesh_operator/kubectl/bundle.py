"""`dump`: a support bundle, without secrets.

What a person sends to a stranger must not give them the keys. No Secret is ever read, and in our own objects the
fields that hold a secret are blotted out; a field that is new and secret has to be named in `SECRET_FIELDS`. What a
bridge of somebody else's is set to (`config`) may be a password by any name, so only the names are told.
"""

import io
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mediamesh_operator.kubectl.client import PARTS, Body, Kubectl, KubectlFailed

SECRET_FIELDS = frozenset({"token", "secret", "password", "extradata"})
FOREIGN = "config"
BLOT = "(left out)"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_KINDS = ("mediaconnections", "medianetworks", "medianodes")


def redacted(value: Any) -> Any:
    """Return a copy without secrets, and without the copy of the object that kubectl keeps in an annotation."""
    if isinstance(value, Mapping):
        return {key: _field(key, part) for key, part in value.items() if key not in {_LAST_APPLIED, "managedFields"}}
    return [redacted(part) for part in value] if isinstance(value, list) else value


def _field(key: str, part: Any) -> Any:
    if key == FOREIGN and isinstance(part, Mapping):
        return dict.fromkeys(part, BLOT)
    return BLOT if key in SECRET_FIELDS and part else redacted(part)


def documents(kubectl: Kubectl) -> Iterator[tuple[str, str]]:
    """Yield name and text of each file; what cannot be had is told in its place."""
    for kind in _KINDS:
        yield f"{kind}.json", _attempt(lambda kind=kind: _json(kubectl.all(kind, "-A")))  # type: ignore[misc]
    yield "version.json", _attempt(lambda: kubectl.run("version", "-o", "json"))
    yield "nodes.txt", _attempt(lambda: kubectl.run("get", "nodes", "-o", "wide"))
    yield "events.txt", _attempt(lambda: kubectl.run("get", "events", "-A", "--sort-by=.lastTimestamp"))
    try:
        pods = kubectl.all("pods", "-A", "-l", PARTS)
    except KubectlFailed as error:
        yield "pods.json", str(error)
        return
    yield "pods.json", _json(pods)
    for pod in pods:
        yield from _pod(kubectl, pod)


def _pod(kubectl: Kubectl, pod: Body) -> Iterator[tuple[str, str]]:
    meta = pod["metadata"]
    where = ("-n", meta["namespace"], meta["name"])
    for container in pod["spec"]["containers"]:
        name = f"logs/{meta['name']}.{container['name']}"
        logs = ("logs", *where, "-c", container["name"], "--tail=5000")
        yield f"{name}.log", _attempt(lambda logs=logs: kubectl.run(*logs))  # type: ignore[misc]
        yield f"{name}.previous.log", _attempt(lambda logs=logs: kubectl.run(*logs, "--previous"))  # type: ignore[misc]
    if pod.get("status", {}).get("phase") == "Running":
        yield f"metrics/{meta['name']}.txt", _attempt(lambda: kubectl.metrics(pod))


def _attempt(ask: Callable[[], str]) -> str:
    try:
        return ask()
    except KubectlFailed as error:
        return f"not to be had: {error}\n"


def _json(bodies: list[Body]) -> str:
    return json.dumps(redacted(bodies), indent=1) + "\n"


def pack(files: Iterator[tuple[str, str]], folder: str, mtime: int) -> bytes:
    """Return a gzipped tar archive of the files in one folder."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in files:
            data = text.encode()
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size, member.mtime, member.mode = len(data), mtime, 0o600
            archive.addfile(member, io.BytesIO(data))
    return packed.getvalue()
