"""The recorder's disk is full: it says so, everybody else goes on, and it goes on itself when there is room."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults_stage import Chance, audited, recording
from mediamesh_testing.actors import acting, source, taker, unharmed
from mediamesh_testing.hub import HubUnderTest, running_hub
from mediamesh_testing.plans import lossless, sink
from mediamesh_testing.waiting import wait_until


@pytest.fixture
def disk(free_dir: Path) -> Iterator[Path]:
    """A media folder of 2 MiB: a file system of its own."""
    folder = free_dir / "media"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.fail(f"tests of a full disk have to mount a small one: {mounted.stderr}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def hub(root: Path, disk: Path) -> Iterator[HubUnderTest]:
    with running_hub(root, environment={"MEDIAMESH_MEDIA": str(disk)}) as running:
        yield running


def test_a_full_disk_ends_a_recording_and_nothing_else(hub: HubUnderTest, disk: Path) -> None:
    out, load = sink(policy="block", queue=8), [taker(endpoint="out"), source(size=16 << 10, wait_for_sinks=2)]
    hub.apply(lossless(sinks=[out]))
    with audited(hub), recording(hub, out), acting(*load) as (taking, feeding):
        for _ in range(3):
            restarts = hub.observe().bridges[0].restarts
            wait_until(lambda: hub.observe().bridges[0].restarts > restarts, "the recorder to give up")  # noqa: B023
            assert "DiskFull: the disk is full" in hub.observe().bridges[0].last_error
            Chance(hub, 0).moment()
            for path in disk.iterdir():
                path.unlink(missing_ok=True)  # the next recorder, that runs already, has given up its part
            wait_until(lambda: recorded(disk) > 1 << 20, "it to go on when there is room")
        feeding.end()
        wait_until(lambda: taken(hub), "the last frame")
        unharmed(taking.end())


def taken(hub: HubUnderTest) -> bool:
    return all(one.received == one.frames for one in hub.flow().attachments if one.endpoint == "out")


def recorded(disk: Path) -> int:
    """Return the bytes in all files but those that the recorder renames just now."""
    total = 0
    for path in disk.iterdir():
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total
