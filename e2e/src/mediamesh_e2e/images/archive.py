"""OCI image archives: layers and a configuration, as one tar file that containerd, kind, podman and skopeo read.

The format is that of the OCI image layout specification 1.0. Layers are not compressed: they are read once, from a disk
that is faster than gzip. The same content gives the same bytes, so a layer that a node has is not unpacked again.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from compileall import compile_dir
from dataclasses import dataclass, field
from pathlib import Path
from py_compile import PycInvalidationMode

CHUNK = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Start:
    """How a container of the image starts: the words of its command, its user as `uid:gid`, its environment."""

    entrypoint: tuple[str, ...]
    user: str = "0:0"
    environment: Mapping[str, str] = field(default_factory=dict)


FORM = "with bytecode"
"""Of layers, for the keys of those that are kept."""


def write_layer(tree: Path, target: Path) -> None:
    """Write the files below `tree` as a layer, with the bytecode of what is Python.

    Without it every process of a container, whose files nobody can write, would compile all that it imports: half a
    second of a CPU. It is not held against the sources, whose times are not kept.
    """
    unchecked = PycInvalidationMode.UNCHECKED_HASH
    compile_dir(tree, quiet=2, stripdir=str(tree), prependdir="/", invalidation_mode=unchecked)
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as layer:
        for path in sorted(tree.rglob("*")):
            layer.add(path, path.relative_to(tree).as_posix(), recursive=False, filter=_timeless)


def _timeless(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.mtime = 0
    entry.uname = entry.gname = ""
    return entry


def write_archive(reference: str, start: Start, layers: Sequence[Path], target: Path) -> None:
    """Write an image of layer files, lowest first, that is called `reference` wherever it is imported."""
    digests = [_digest(layer) for layer in layers]
    with tarfile.open(target, "w") as archive:
        for layer, digest in zip(layers, digests, strict=True):
            archive.add(layer, _blob(digest), filter=_timeless)
        configuration = _put_json(archive, _configuration(start, digests))
        described = zip(layers, digests, strict=True)
        manifest = _put_json(
            archive,
            {
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": _describe("application/vnd.oci.image.config.v1+json", *configuration),
                "layers": [
                    _describe("application/vnd.oci.image.layer.v1.tar", digest, layer.stat().st_size)
                    for layer, digest in described
                ],
            },
        )
        entry = _describe("application/vnd.oci.image.manifest.v1+json", *manifest)
        names = {"io.containerd.image.name": reference, "org.opencontainers.image.ref.name": reference}
        index = {"schemaVersion": 2, "manifests": [{**entry, "annotations": names}]}
        _put(archive, "index.json", json.dumps(index).encode())
        _put(archive, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')


def _configuration(start: Start, digests: Sequence[str]) -> Mapping[str, object]:
    path = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    return {
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "Entrypoint": list(start.entrypoint),
            "User": start.user,
            "Env": [f"{name}={value}" for name, value in {**path, **start.environment}.items()],
            "WorkingDir": "/",
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
        "history": [{"created_by": "mediamesh_e2e"} for _ in digests],  # buildah builds on no image without it
    }


def _describe(media_type: str, digest: str, size: int) -> dict[str, object]:
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": size}


def _put_json(archive: tarfile.TarFile, content: Mapping[str, object]) -> tuple[str, int]:
    blob = json.dumps(content, sort_keys=True).encode()
    digest = hashlib.sha256(blob).hexdigest()
    _put(archive, _blob(digest), blob)
    return digest, len(blob)


def _put(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def _blob(digest: str) -> str:
    return f"blobs/sha256/{digest}"


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
