"""Pods that took part, and go while no agent runs on their node, beside a connection that flows on."""

from dataclasses import dataclass
from typing import Final

import e2e_traces as traces
from e2e_flows import flow

from mediamesh_e2e.cluster.node import Node
from mediamesh_e2e.pods import Pods
from mediamesh_e2e.release.applications import Received, application, connection
from mediamesh_e2e.release.chart import Release

LOSSLESS: Final = {"policy": "block", "queue": 16}
PODS: Final = ("lost", "gone")


@dataclass(frozen=True, slots=True)
class Abandoned:
    """The pods by their uids, and what a sink that stayed had received before and after."""

    uids: set[str]
    before: Received
    after: Received


def abandon(release: Release, node: Node, pods: Pods) -> Abandoned:
    """Let pods of `node` go while its agent is stopped, and kill the agent then; their folders go much later."""
    with flow(release, pods, sinks={"sink": LOSSLESS}) as cam:
        pools, before = traces.pools(node), cam.applications.more("sink")
        source, sink = PODS
        cam.apply(connection("other", source=source, sinks={sink: LOSSLESS}))
        started = (
            application(release.tag, "source", "other", app=source),
            application(release.tag, "sink", "other", app=sink),
        )
        pods.start(*started)
        cam.applications.more(sink, 10)
        uids = {pods.get(name)["metadata"]["uid"] for name in PODS}
        agent = node.machine.run("pgrep", "--full", "--oldest", "^[^ ]*python3? [^ ]*mediamesh-node ").strip()
        node.machine.run("kill", "-STOP", agent)
        cam.delete("pod", *PODS)
        assert uids <= traces.pod_folders(node)
        node.machine.run("kill", "-KILL", agent)  # kubelet starts another
        cam.delete("mediaconnection", "other")
        traces.await_pools(node, pools)
        return Abandoned(uids, before, cam.applications.more("sink"))
