"""Who is who in a cluster: the certificates and client configurations of all its parts, as files in one folder."""

from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path

from mediamesh_e2e.cluster import configuration
from mediamesh_e2e.cluster.certificates import Authority, Identity
from mediamesh_e2e.cluster.layout import Layout

MASTERS = "system:masters"


class Credentials:
    """Makes them; `kubeconfigs` has a file for `admin` and for every part that is a client of the API server."""

    def __init__(self, layout: Layout, folder: Path) -> None:
        authority = Authority(folder, datetime.now(UTC))
        self._server = layout.server
        self._folder = folder
        self.authority = authority.identity
        self.tokens = authority.signing_pair("tokens")
        self.server = authority.issue("server", "kube-apiserver", hosts=self._server_names(layout))
        self.to_kubelets = authority.issue("to-kubelets", "kube-apiserver-kubelet", MASTERS)
        self.admin = authority.issue("admin", "admin", MASTERS)
        self.nodes = {
            node.name: authority.issue(
                node.name, f"system:node:{node.name}", "system:nodes", hosts=[node.name, node.address]
            )
            for node in layout.nodes
        }
        parts = ("kube-controller-manager", "kube-scheduler", "kube-proxy")
        users = {"admin": self.admin, **self.nodes, **{part: authority.issue(part, f"system:{part}") for part in parts}}
        self.kubeconfigs = {user: self._kubeconfig(user, identity) for user, identity in users.items()}

    def _kubeconfig(self, user: str, identity: Identity) -> Path:
        file = self._folder / f"{user}.kubeconfig"
        file.write_text(configuration.kubeconfig(self._server, self.authority.certificate, identity))
        return file

    @staticmethod
    def _server_names(layout: Layout) -> list[str | IPv4Address]:
        names = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"]
        return [*names, layout.control.address, layout.services[1]]
