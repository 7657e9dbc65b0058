"""The configuration files of the cluster's parts: pure, from the layout. JSON, as YAML is a superset of it."""

import json
from collections.abc import Mapping
from pathlib import Path

from mediamesh_e2e.cluster.certificates import Identity
from mediamesh_e2e.cluster.layout import Layout, Place

PAUSE_IMAGE = "registry.test/pause:1"
CONTAINERD_SOCKET = "unix:///run/containerd/containerd.sock"
GRACE = 16  # seconds without a sign of life until a node is NotReady


def kubeconfig(server: str, authority: Path, identity: Identity) -> str:
    """Give a client configuration that names its certificates as files."""
    return _json(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "e2e", "cluster": {"server": server, "certificate-authority": str(authority)}}],
            "users": [
                {
                    "name": "user",
                    "user": {"client-certificate": str(identity.certificate), "client-key": str(identity.key)},
                }
            ],
            "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": "user"}}],
            "current-context": "e2e",
        }
    )


def kubelet(layout: Layout, authority: Path, identity: Identity, resolver: Path) -> str:
    """Give a kubelet's configuration: no thresholds, as the computer's disk and memory are not the node's to guard."""
    return _json(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(authority)},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(identity.certificate),
            "tlsPrivateKeyFile": str(identity.key),
            "containerRuntimeEndpoint": CONTAINERD_SOCKET,
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": "/",
            "failCgroupV1": False,
            "failSwapOn": False,
            "enforceNodeAllocatable": ["pods"],
            "clusterDNS": [str(layout.control.address)],
            "clusterDomain": "cluster.local",
            "resolvConf": str(resolver),
            "serializeImagePulls": False,
            "evictionHard": {
                "memory.available": "0%",
                "nodefs.available": "0%",
                "nodefs.inodesFree": "0%",
                "imagefs.available": "0%",
            },
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            "nodeStatusUpdateFrequency": "4s",
            "nodeLeaseDurationSeconds": GRACE,
            "readOnlyPort": 0,
            "maxPods": 60,
        }
    )


def kube_proxy(layout: Layout, node: Place, client: Path) -> str:
    """Give a kube-proxy's configuration: it sets no limits of connection tracking, which are the whole computer's."""
    return _json(
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "clientConnection": {"kubeconfig": str(client)},
            "mode": "nftables",
            "clusterCIDR": str(layout.all_addresses),
            "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
            "hostnameOverride": node.name,
            "metricsBindAddress": "127.0.0.1:10249",
            "nodePortAddresses": ["primary"],
        }
    )


def containerd(network_plugins: Path) -> str:
    """Give containerd's configuration (version 2), which Debian's 1.6 and what came later understand."""
    return f"""version = 2
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper"]
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE_IMAGE}"
restrict_oom_score_adj = true
disable_apparmor = true
disable_hugetlb_controller = true
tolerate_missing_hugetlb_controller = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{network_plugins}"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
"""


def pod_network(node: Place) -> str:
    """Give the list of CNI plugins that puts a node's pods on a bridge."""
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "hairpinMode": True,
        "ipMasq": False,
        "ipam": {"type": "host-local", "ranges": [[{"subnet": str(node.pods)}]], "routes": [{"dst": "0.0.0.0/0"}]},
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return _json({"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge, ports]})


def dns(layout: Layout, client: Path) -> str:
    """Give CoreDNS' configuration: the cluster's names and no others."""
    return f""".:53 {{
  bind {layout.control.address}
  errors
  kubernetes cluster.local {{
    kubeconfig {client}
  }}
  loadbalance
}}
"""


def _json(content: Mapping[str, object]) -> str:
    return json.dumps(content, indent=1)
