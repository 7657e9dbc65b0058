"""An application in a pod as it should be: any uid, no capability, read-only root, nothing but its volume."""

import json
import os
import subprocess
import sys
from pathlib import Path

from mediamesh_testing.hub import HubUnderTest
from mediamesh_testing.plans import flow, pod, sink
from mediamesh_testing.waiting import PATIENCE

from mediamesh_protos import plan_pb2

POD = "pods/3f6c2a9e-0b1d-4c55-9d53-1f0e8f1f9a01"
UID = 1000
# A tmpfs in the place of /run, so that the machine's own is not touched; then everything is made read-only.
CONTAINER = """
mount -t tmpfs tmpfs /run && mkdir /run/mediamesh && mount --bind "$1" /run/mediamesh || exit 1
mount -o remount,bind,ro /run/mediamesh && mount -o remount,bind,ro /run && mount -o remount,bind,ro / || exit 1
exec "$2" -c "$3"
"""
# Python's files may be where only root can read them, so a rehearsal loads all modules before the uid is changed.
APPLICATION = f"""
import json, os
import mediamesh
def received():
    with mediamesh.open_sink("cam", timeout=30) as sink, mediamesh.open_source("cam", timeout=30) as source:
        source.send(b"picture", timeout=30)
        with sink.receive(timeout=30) as frame:
            return bytes(frame).decode()
received()
os.setgroups([])
os.setresgid({UID}, {UID}, {UID})
os.setresuid({UID}, {UID}, {UID})
writable = [path for path in ("/", "/run/mediamesh", "/tmp") if os.access(path, os.W_OK)]
print(json.dumps({{"uid": os.getuid(), "writable": writable, "frame": received()}}))
"""


def studio() -> plan_pb2.FlowPlan:
    source = plan_pb2.SourcePlan(name="in", queue=4, endpoint=pod(POD))
    return flow("studio/cam", source=source, sinks=[sink(endpoint=pod(POD))])


def test_the_sdk_works_with_no_configuration(hub: HubUnderTest, free_dir: Path) -> None:
    hub.apply(studio())
    environment = {name: os.environ[name] for name in os.environ if name.startswith("MEDIAMESH_TEST")}
    arguments = [str(hub.root / POD), sys.executable, APPLICATION]
    ran = subprocess.run(
        ["unshare", "--mount", "sh", "-c", CONTAINER, "sh", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
        cwd=free_dir,
        env=environment | {"PATH": os.environ["PATH"]},
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {"uid": UID, "writable": [], "frame": "picture"}
