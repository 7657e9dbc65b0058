"""The settings of a file endpoint, as the connection has them under `file`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from mediamesh_bridges.errors import BadSetting
from mediamesh_bridges.file.containers import CONTAINERS
from mediamesh_bridges.file.folder import components
from mediamesh_bridges.file.naming import split
from mediamesh_core.suggestions import did_you_mean, not_one_of, shown

Value = TypeVar("Value", str, bool, int)

RECORDINGS = (".raw", ".wav", ".y4m", *CONTAINERS)
RAW = ".raw"


@dataclass(frozen=True, slots=True)
class PlaySettings:
    """What to play."""

    path: str
    loop: bool = True
    track: int | None = None


@dataclass(frozen=True, slots=True)
class RecordSettings:
    """Where and how to record."""

    path: str
    """With strftime directives; relative to the media folder."""
    segment_seconds: int | None = None
    codec: str | None = None
    """FFmpeg's name of an encoder; the container's usual one if left out."""
    frames_ahead: int = 0
    """Frames that are copied while the encoder is busy, see `taking`; no connection has this setting."""

    @property
    def suffix(self) -> str:
        """What kind of file it is to be."""
        return split(components(self.path)[-1])[1]


def play_settings(config: Mapping[str, object]) -> PlaySettings:
    """Read the settings of a source; `BadSetting` says what is wrong."""
    _check_names(config, ("path", "loop", "track"))
    loop, track = _optional(config, "loop", bool), _optional(config, "track", int)
    if track is not None and track < 0:
        raise BadSetting(f"file.track: {track} is not 0 or more")
    return PlaySettings(_path(config), loop is not False, track)


def record_settings(config: Mapping[str, object]) -> RecordSettings:
    """Read the settings of a sink; `BadSetting` says what is wrong."""
    _check_names(config, ("path", "segmentSeconds", "codec", "framesAhead"))
    seconds, ahead = _positive(config, "segmentSeconds"), _positive(config, "framesAhead")
    settings = RecordSettings(_path(config), seconds, _optional(config, "codec", str), ahead or 0)
    if settings.suffix not in RECORDINGS:
        raise BadSetting(f"file.path: suffix {not_one_of(settings.suffix, RECORDINGS)}")
    return settings


def _check_names(config: Mapping[str, object], known: tuple[str, ...]) -> None:
    for name in config:
        if name not in known:
            hint = did_you_mean(name, known) or f"; the settings are {', '.join(known)}"
            raise BadSetting(f"file.{name}: there is no such setting{hint}")


def _path(config: Mapping[str, object]) -> str:
    path = _optional(config, "path", str)
    if not path:
        raise BadSetting("file.path: is missing")
    components(path)
    return path


def _positive(config: Mapping[str, object], name: str) -> int | None:
    number = _optional(config, name, int)
    if number is not None and number < 1:
        raise BadSetting(f"file.{name}: {number} is not 1 or more")
    return number


def _optional(config: Mapping[str, object], name: str, kind: type[Value]) -> Value | None:
    value = config.get(name)
    if value is None:
        return None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        wanted = {str: "a text", bool: "true or false", int: "a whole number"}[kind]
        raise BadSetting(f"file.{name}: {shown(value)} is not {wanted}")
    return value
