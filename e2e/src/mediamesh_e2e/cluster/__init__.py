"""A Kubernetes cluster of one control plane and two nodes on this machine, in seconds and without a container engine.

Three *machines*, each a set of kernel namespaces with a PID 1 of its own (`machine`): `control` runs etcd, API server,
controller manager, scheduler and DNS; `node-a` and `node-b` run containerd, kubelet and kube-proxy and have a mount
tree, a `/run`, a `/var` and cgroups of their own, so that they differ from two computers in little but their kernel.
One multi-call binary plays all parts of Kubernetes (`e2e/cluster/launcher`).

    this machine  .254 --veth--+
    control       .1           +-- bridge, 198.18.x.0/24
    node-a, -b    .11, .12 ----+    pods of a node: a /24 each, routed through its address

The addresses are of the range set apart for benchmarks of networks (RFC 2544), which no real network uses; up to eight
clusters have *slots* in it (`layout`). No machine has a way out of this computer.

Every process of the cluster is a descendant of one of three PIDs 1, which the kernel kills when their parent dies.
However this process ends, nothing of the cluster runs on; what is not a process (network namespaces, cgroups, files) is
removed at the next start (`slots`).
"""
