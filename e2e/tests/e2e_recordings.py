"""Recordings of the tests' own source, read back: what is in each file, and what is in none."""

import json
from dataclasses import dataclass
from typing import Final

from mediamesh_e2e.release.applications import VIDEO
from mediamesh_e2e.release.chart import Release

MEDIA: Final = "/var/lib/mediamesh"
FRAME: Final = VIDEO["width"] * VIDEO["height"] * 3
LIST: Final = f"""
import json, pathlib, sys, zlib
found = {{}}
for file in sorted(pathlib.Path("{MEDIA}", sys.argv[1]).glob("*")):
    data = file.read_bytes()
    frames = [data[at:at + {FRAME}] for at in range(0, len(data), {FRAME})]
    sums = [zlib.crc32(frame[:-4]).to_bytes(4, "little") for frame in frames]
    whole = len(data) % {FRAME} == 0 and sums == [frame[-4:] for frame in frames]
    found[file.name] = whole, [int.from_bytes(frame[16:24], "little") for frame in frames]
print(json.dumps(found))
"""
MAKE: Final = f"""
import pathlib, sys
file = pathlib.Path("{MEDIA}", sys.argv[1])
file.parent.mkdir(exist_ok=True)
file.write_bytes(bytes(number % 256 for number in range({FRAME})) * 50)
"""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A file below the media folder: its name, whether it is of whole, unaltered frames, and their numbers."""

    name: str
    whole: bool
    counts: list[int]

    @property
    def hidden(self) -> bool:
        """Whether it is still being written."""
        return self.name.startswith(".")

    @property
    def seamless(self) -> bool:
        """Whether every frame from the first to the last is there once."""
        return self.counts == list(range(self.counts[0], self.counts[0] + len(self.counts)))


def recordings(release: Release, node: str, folder: str) -> list[Recorded]:
    """Give what was recorded raw in a folder, in the order of the frames; hidden parts are still being written."""
    found = json.loads(release.run(release.node_pod(node), "hub", "python3", "-c", LIST, folder))
    made = [Recorded(name, whole, counts) for name, (whole, counts) in found.items()]
    return sorted(made, key=lambda each: each.counts[:1])


def provide_clip(release: Release, node: str, path: str) -> None:
    """Put two seconds of video where a `file` source of that path finds it."""
    release.run(release.node_pod(node), "hub", "python3", "-c", MAKE, path)
