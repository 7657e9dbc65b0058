"""The `file` bridge: plays a file into a flow, or records a flow into files.

Each role is a loop between two objects that know nothing of processes: a `Player` takes units from a
reader and sends them through a source, a `Recorder` takes frames from a sink and keeps files. This module joins
them to the hub and to the request to stop.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from mediamesh.bridge import BridgeContext, Role
from mediamesh_bridges.file.clock import SystemClock, utc_seconds
from mediamesh_bridges.file.damage import Damage
from mediamesh_bridges.file.left_out import LeftOut
from mediamesh_bridges.file.media import MediaPath
from mediamesh_bridges.file.pacing import Schedule
from mediamesh_bridges.file.player import Player
from mediamesh_bridges.file.prefetch import prefetched
from mediamesh_bridges.file.readers import check_reader, open_reader
from mediamesh_bridges.file.recorder import Recorder
from mediamesh_bridges.file.recovery import publish_leftovers
from mediamesh_bridges.file.settings import play_settings, record_settings
from mediamesh_bridges.file.taking import taken
from mediamesh_bridges.file.writers import check_writer
from mediamesh_core.formats import Format

_UNITS_AHEAD = 4
_log = logging.getLogger(__name__)


class FileBridge:
    """What the entry point `file` names."""

    name = "file"
    roles: tuple[Role, ...] = ("source", "sink")

    def validate(self, config: Mapping[str, object], role: Role, format: Format) -> None:
        """Raise `BadSetting` or `OutsideMediaFolder` for settings that cannot work; no file is touched."""
        if role == "source":
            check_reader(format, play_settings(config))
        else:
            check_writer(format, record_settings(config))

    def run(self, context: BridgeContext) -> None:
        """Play to the end of the file, or record until asked to stop."""
        if context.role == "source":
            _play(context)
        else:
            _record(context)


def _play(context: BridgeContext) -> None:
    settings = play_settings(context.config)
    media = MediaPath(context.media_root, settings.path, settings.track)
    with context.open_source() as source:
        reader = open_reader(media, source.format, loop=settings.loop)
        with prefetched(reader.units(), _UNITS_AHEAD) as units:
            Player(source, SystemClock(context.stopping), Schedule(reader.clock_rate)).play(units)


def _record(context: BridgeContext) -> None:
    settings = record_settings(context.config)
    for path in publish_leftovers(context.media_root, settings.path):
        _log.warning("%s was left behind by a recorder that was killed; it is published now", path)
    left_out = LeftOut(_log.warning, time.monotonic)
    with context.open_sink() as sink:
        recorder = Recorder(context.media_root, settings, sink.format, utc_seconds, left_out)
        damage = Damage(_log.warning, time.monotonic)
        with taken(sink, settings.frames_ahead) as frames:
            for frame in frames:
                recorder.record(frame)
                damage.see(frame)
        damage.finish()
        left_out.finish()
        recorder.close()
