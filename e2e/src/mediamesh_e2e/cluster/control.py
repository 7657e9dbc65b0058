"""The control plane: etcd, API server, controller manager, scheduler and DNS, each a program on one machine."""

from pathlib import Path

from mediamesh_e2e.cluster import configuration
from mediamesh_e2e.cluster.api import Api
from mediamesh_e2e.cluster.credentials import Credentials
from mediamesh_e2e.cluster.layout import Layout
from mediamesh_e2e.cluster.machine import Machine, Program
from mediamesh_e2e.errors import StartFailed
from mediamesh_e2e.patience import until
from mediamesh_e2e.toolchain import Toolchain

PATIENCE = 60.0  # seconds; it takes three


class ControlPlane:
    """The machine `control` and its programs, by their names in `programs`."""

    def __init__(self, layout: Layout, credentials: Credentials, tools: Toolchain, folder: Path) -> None:
        self._layout = layout
        self._credentials = credentials
        self._tools = tools
        self.machine = Machine(layout.control, folder / "control", folder / "logs")
        self.programs: dict[str, Program] = {}
        self.api = Api(layout.server, credentials.authority.certificate, credentials.admin)

    def start(self) -> None:
        """Boot the machine and start what the others need; the API server is not ready yet."""
        self.machine.boot()
        self.launch("etcd")
        self.launch("kube-apiserver")

    def await_api(self) -> None:
        """Wait for the API server; start its clients and let kube-proxy read what it needs."""
        until(self._served, f"API server, see {self.programs['kube-apiserver'].log}", seconds=PATIENCE)
        for name in ("kube-controller-manager", "kube-scheduler", "coredns"):
            self.launch(name)

    def allow_kube_proxy(self) -> None:
        """Bind the role of kube-proxy to its user, as installers do."""
        group = {"apiGroup": "rbac.authorization.k8s.io"}
        self.api.create(
            "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
            {
                "metadata": {"name": "mediamesh-e2e:kube-proxy"},
                "roleRef": {**group, "kind": "ClusterRole", "name": "system:node-proxier"},
                "subjects": [{**group, "kind": "User", "name": "system:kube-proxy"}],
            },
        )

    def launch(self, name: str) -> Program:
        """Start one of the programs, by name; for one that was killed too."""
        flags = {
            "etcd": self._etcd,
            "kube-apiserver": self._api_server,
            "kube-controller-manager": self._controllers,
            "kube-scheduler": self._scheduler,
            "coredns": self._dns,
        }[name]()
        self.programs[name] = self.machine.start(name, [self._tools.program(name), *flags])
        return self.programs[name]

    def _served(self) -> bool:
        if ended := [program.log for program in self.programs.values() if not program.runs]:
            raise StartFailed(f"control plane: a program ended, see {ended[0]}")
        return self.api.ready()

    def _etcd(self) -> list[str]:
        clients, peers = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
        return [
            f"--data-dir={self.machine.home}/etcd",
            "--unsafe-no-fsync",  # survives the death of processes, which is all that can happen here
            "--log-level=warn",
            f"--listen-client-urls={clients}",
            f"--advertise-client-urls={clients}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
            "--quota-backend-bytes=1073741824",
        ]

    def _api_server(self) -> list[str]:
        secrets = self._credentials
        return [
            "--etcd-servers=http://127.0.0.1:2379",
            "--secure-port=6443",
            "--bind-address=0.0.0.0",
            f"--advertise-address={self._layout.control.address}",
            f"--tls-cert-file={secrets.server.certificate}",
            f"--tls-private-key-file={secrets.server.key}",
            f"--client-ca-file={secrets.authority.certificate}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={secrets.tokens.certificate}",
            f"--service-account-signing-key-file={secrets.tokens.key}",
            f"--service-cluster-ip-range={self._layout.services}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            f"--kubelet-client-certificate={secrets.to_kubelets.certificate}",
            f"--kubelet-client-key={secrets.to_kubelets.key}",
            f"--kubelet-certificate-authority={secrets.authority.certificate}",
            "--kubelet-preferred-address-types=InternalIP",
            "--allow-privileged=true",
            "--enable-aggregator-routing=true",  # webhooks are called at pods' addresses: no kube-proxy runs here
            f"--cert-dir={self.machine.home}/apiserver",
        ]

    def _controllers(self) -> list[str]:
        secrets = self._credentials
        return [
            *self._client("kube-controller-manager"),
            f"--root-ca-file={secrets.authority.certificate}",
            f"--service-account-private-key-file={secrets.tokens.key}",
            "--use-service-account-credentials=true",
            f"--cluster-signing-cert-file={secrets.authority.certificate}",
            f"--cluster-signing-key-file={secrets.authority.key}",
            f"--node-monitor-grace-period={configuration.GRACE}s",
            "--node-monitor-period=2s",
        ]

    def _scheduler(self) -> list[str]:
        return self._client("kube-scheduler")

    def _client(self, name: str) -> list[str]:
        file = self._credentials.kubeconfigs[name]
        files = [f"--{use}kubeconfig={file}" for use in ("", "authentication-", "authorization-")]
        return [*files, "--leader-elect=false", "--bind-address=127.0.0.1", f"--cert-dir={self.machine.home}/{name}"]

    def _dns(self) -> list[str]:
        file = self.machine.home / "Corefile"
        file.write_text(configuration.dns(self._layout, self._credentials.kubeconfigs["admin"]))
        return ["-conf", str(file)]
