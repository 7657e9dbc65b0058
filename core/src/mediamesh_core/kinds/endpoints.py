"""What can stand at an end of a connection: an application, a file, a stock memif peer, a bridge of somebody else's."""

from pathlib import PurePosixPath
from re import ASCII
from re import compile as pattern
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from mediamesh_core.kinds import rules
from mediamesh_core.kinds.base import Label, Model, NodeName, refuse
from mediamesh_core.kinds.schema import text

RECORDING_SUFFIXES = (".mkv", ".mp4", ".mov", ".wav", ".y4m", ".raw")
_DIRECTIVES = "aAbBdGHIjmMpSuUVyYzZs%"
"""Of strftime: those that cannot bring a '/' into a name, and mean the same everywhere."""
_LONGEST_PATH = 1024
_LONGEST_SOCKET = 100  # sun_path has 108 bytes; the abstract ones have no folder in front, but stay the same
_SOCKET = pattern(r"@?[A-Za-z0-9][A-Za-z0-9._-]*", ASCII)
_SECRET_BYTES = 24  # memif.h: memif_secret
_SETTING = pattern(r"[A-Za-z][A-Za-z0-9._-]{0,62}", ASCII)
_MOST_SETTINGS = 64
_LONGEST_SETTING = 4096


def _below_the_media_folder(path: str) -> str:
    if not path or path.endswith("/") or len(path) > _LONGEST_PATH or not path.isprintable():
        refuse(f"{path[:80]!r} is not the path of a file")
    if path.startswith(("/", "~")) or ".." in PurePosixPath(path).parts:
        refuse(f"{path[:80]!r} leaves the media folder; write a path relative to it, without '..'")
    return path


def _recording(path: str) -> str:
    directives = _below_the_media_folder(path).replace("%%", "").split("%")[1:]
    for directive in directives:
        if directive[:1] not in _DIRECTIVES or not directive:
            refuse(f"{'%' + directive[:1]!r} is not a part of a date; use %Y, %m, %d, %H, %M, %S, and %% for '%'")
    if PurePosixPath(path).suffix not in RECORDING_SUFFIXES:
        refuse(f"{path[-80:]!r} does not say which file it is to be; end it in {', '.join(RECORDING_SUFFIXES)}")
    return path


def _socket(name: str) -> str:
    if not _SOCKET.fullmatch(name) or len(name) > _LONGEST_SOCKET:
        refuse(f"{name[:80]!r} is not a socket; write a file name such as peer.sock, or @name for an abstract one")
    if name in rules.HUB_FILES:
        refuse(f"{name!r} is a name of the hub's own in that folder; write another, such as peer.sock")
    return name


def _secret(secret: str) -> str:
    length = len(secret.encode())
    if length > _SECRET_BYTES or "\0" in secret:
        refuse(f"has {length} bytes, a memif secret has at most {_SECRET_BYTES} and no NUL")
    return secret


def _foreign(name: str) -> str:
    if name in rules.OWN_BRIDGES:
        refuse(f"{name!r} is a bridge of mediamesh; write `{name}:` in the place of `bridge:`, with its settings")
    return name


def _setting(name: str) -> str:
    if not _SETTING.fullmatch(name):
        refuse(
            f"{name[:80]!r} is not the name of a setting: a letter, then at most 62 letters, digits, '.', '_' and '-'"
        )
    return name


_MatchLabels = Annotated[
    dict[str, Annotated[str, Field(max_length=63)]],
    Field(default_factory=dict, max_length=16, json_schema_extra={"x-kubernetes-map-type": "atomic"}),
]


class PodEndpoint(Model):
    """Applications: every pod of the namespace that has these labels; without a cluster, every process of this user."""

    match_labels: _MatchLabels
    """Labels that a pod must have."""
    token: Annotated[str, Field(max_length=256)] = ""
    """What a client must show to attach, where that is wanted."""


class FileSource(Model):
    """A file that is played at its own rate."""

    path: Annotated[str, AfterValidator(_below_the_media_folder), text(_LONGEST_PATH, *rules.MEDIA_PATHS)]
    """Relative to the media folder."""
    loop: bool = True
    """Begin again at the end, without a jump in sequence or time."""
    track: Annotated[int, Field(ge=0, le=255)] | None = None
    """Number among the file's streams of the payload's kind, from 0; the best one if left out."""
    node_name: NodeName | None = None
    """In a cluster: the node that has the file; where the sinks are if left out."""


class FileSink(Model):
    """A recording; its suffix chooses the container."""

    path: Annotated[str, AfterValidator(_recording), text(_LONGEST_PATH, *rules.RECORDING_PATHS)]
    """Relative to the media folder; parts of the date as strftime has them."""
    segment_seconds: Annotated[int, Field(ge=1, le=86400)] | None = None
    """Begin a new file after so many seconds."""
    codec: Annotated[str, Field(max_length=32, pattern="^[a-z0-9_]+$")] | None = None
    """FFmpeg's name of the encoder for uncompressed video; the usual one of the container if left out."""
    node_name: NodeName | None = None
    """In a cluster: the node to record on, which has to be the source's; that one if left out."""


class PeerPod(Model):
    """Pods that may hold a stock memif peer."""

    match_labels: _MatchLabels
    """Labels that the pod must have."""


class MemifEndpoint(Model):
    """A peer that speaks memif by itself: DPDK, VPP, libmemif."""

    role: Literal["server", "client"]
    """Of the peer."""
    socket: Annotated[str, AfterValidator(_socket), text(_LONGEST_SOCKET, rules.SOCKET, rules.FREE_SOCKET)]
    """File name, or @name for an abstract socket."""
    id: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0
    """Of the interface on that socket."""
    secret: Annotated[str, AfterValidator(_secret), text(_SECRET_BYTES, rules.SECRET)] = ""
    """What the client must know; at most 24 bytes."""
    access: Literal["copy", "shared"] = "copy"
    """shared: the peer maps the pool itself, writable, since stock peers cannot otherwise; nothing protects it then."""
    chunk: Annotated[int, Field(ge=64, le=2**31 - 1)] | None = None
    """Most bytes per descriptor; chosen by what the peer calls itself if left out."""
    rings: Annotated[int, Field(ge=1, le=8)] = 1
    """In each direction."""
    pod: PeerPod | None = None
    """In a cluster: the pod that holds the peer, in whose folder the socket is; a peer on the host if left out."""
    node_name: NodeName | None = None
    """In a cluster: the node of a peer on the host; the flow's if left out."""

    @model_validator(mode="after")
    def _is_in_one_place(self) -> Self:
        if self.pod is not None and self.node_name is not None:
            refuse("is for peers on the host; leave it out beside pod", "nodeName")
        if self.pod is not None and self.socket.startswith("@"):
            refuse(f"{self.socket!r} is abstract, so it is in no pod's folder; write a file name", "socket")
        return self


SettingName = Annotated[str, AfterValidator(_setting)]
SettingText = Annotated[str, Field(max_length=_LONGEST_SETTING)]


class BridgeEndpoint(Model):
    """A bridge that another package brings; see the guide to writing one."""

    name: Annotated[Label, AfterValidator(_foreign), text(63, rules.NAME, rules.FOREIGN)]
    """Of its entry point in the group `mediamesh.bridges`, which has to be installed beside the hub."""
    config: Annotated[dict[SettingName, SettingText], Field(default_factory=dict, max_length=_MOST_SETTINGS)]
    """Its settings, at most 64; what they mean, and whether they can work, is for the bridge to say."""
    node_name: NodeName | None = None
    """In a cluster: the node to run on; a source is where the sinks are if left out, a sink where the source is."""
