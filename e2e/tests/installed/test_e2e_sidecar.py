"""An unmodified ffmpeg between two connections, by the sidecar that the annotations inject; nothing in it is ours."""

import sysconfig
from pathlib import Path
from typing import Any

import pytest
from e2e_flows import Flow

from mediamesh_e2e.backends.backend import Backend
from mediamesh_e2e.images.archive import Start
from mediamesh_e2e.images.image import Image
from mediamesh_e2e.pods import Pods, pod
from mediamesh_e2e.release.applications import HARMLESS, LIVE, Applications, application, connection
from mediamesh_e2e.release.chart import Release

PICTURES = {"video": {"width": 64, "height": 48, "frameRate": 25, "pixelFormat": "yuv420p"}}
LIBRARIES = Path("/usr/lib", sysconfig.get_config_var("MULTIARCH"))
ALTERNATIVES = f"{LIBRARIES}/blas:{LIBRARIES}/lapack"
"""Where the packages' scripts, which are not run, would have made links to."""
FFMPEG = Image(
    "registry.test/ffmpeg:2",
    Start(("ffmpeg",), environment={"LD_LIBRARY_PATH": ALTERNATIVES}),
    packages=("base-files", "busybox-static", "ffmpeg"),
)
RTP_IN = "rtp://127.0.0.1:5010"
QUIET = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning"]


@pytest.fixture(scope="module")
def ffmpeg(backend: Backend) -> str:
    """Give an image with Debian's ffmpeg."""
    return backend.provide(FFMPEG)


def grader(image: str, lines: str, command: list[str]) -> dict[str, Any]:
    """Give a pod that asks for a sidecar, with ffmpeg as its only container."""
    media = [{"name": "mediamesh-media", "mountPath": "/media"}]
    container = {"securityContext": HARMLESS, "volumeMounts": media}
    made = pod("grader", image, [*QUIET, *command], node="node-a", labels={"app": "grader"}, container=container)
    made["metadata"]["annotations"] = {"mediamesh.io/inject": "true", "mediamesh.io/sidecar": lines}
    return made


def through(release: Release, pods: Pods, image: str, lines: str, command: list[str]) -> Flow:
    """Start source, ffmpeg and sink, and wait until frames have come through all of them."""
    made = Flow(release, Applications(pods), "graded")
    made.apply(
        connection("cam", sinks={"grader": LIVE}, payload=PICTURES),
        connection("graded", source="grader", sinks={"sink": LIVE}, payload=PICTURES),
    )
    pods.start(
        application(release.tag, "source", "cam", app="source"),
        application(release.tag, "sink", "graded", app="sink"),
        grader(image, lines, command),
    )
    made.applications.more("sink", 50)
    return made


def test_pictures_go_through_named_pipes_bit_by_bit(release: Release, pods: Pods, ffmpeg: str) -> None:
    lines = "receive cam pipe:/media/cam.y4m\nsend graded pipe:/media/graded.y4m\n"
    command = ["-i", "/media/cam.y4m", "-fps_mode", "passthrough", "-f", "yuv4mpegpipe", "-y", "/media/graded.y4m"]
    flow = through(release, pods, ffmpeg, lines, command)

    received = flow.applications.received("sink")
    assert received.altered == 0
    assert len(received.sources) == 1
    assert flow.applications.await_condition("graded", "Ready", "Flowing")["status"] == "True"
    assert flow.applications.await_condition("cam", "Ready", "Flowing")["status"] == "True"


@pytest.mark.parametrize(
    ("lines", "command"),
    [
        (
            "receive cam udp://127.0.0.1:5006\nsend graded udp://127.0.0.1:5010\n",
            ["-i", "udp://127.0.0.1:5006", "-c", "copy", "-f", "mpegts", "udp://127.0.0.1:5010?pkt_size=1316"],
        ),
        (
            "receive cam rtp://127.0.0.1:5004 sdp=/media/cam.sdp\nsend graded rtp://127.0.0.1:5010\n",
            ["-protocol_whitelist", "file,rtp,udp", "-i", "/media/cam.sdp", "-c", "copy", "-f", "rtp", RTP_IN],
        ),
    ],
    ids=["mpegts", "rtp"],
)
def test_pictures_go_through_the_loopback(
    release: Release, pods: Pods, ffmpeg: str, lines: str, command: list[str]
) -> None:
    flow = through(release, pods, ffmpeg, lines, command)
    assert flow.applications.await_condition("graded", "Ready", "Flowing")["status"] == "True"
