"""Folders of pods whose end no agent saw go too, and no others.

A folder is left alone for two minutes, since kubelet makes it before a pod is known; other tests fill that time.
"""

import e2e_traces as traces
from e2e_abandoned import Abandoned

from mediamesh_e2e.cluster.cluster import Cluster
from mediamesh_e2e.release.chart import Release

FOLDERS_GO = 240.0  # seconds


def test_folders_of_pods_that_went_unseen_go_too(release: Release, cluster: Cluster, abandoned: Abandoned) -> None:
    for node in cluster.nodes.values():
        traces.await_only_the_living(release.backend.kubectl, node, traces.pod_folders, FOLDERS_GO)
    assert not abandoned.uids & traces.pod_folders(cluster.nodes["node-a"])
