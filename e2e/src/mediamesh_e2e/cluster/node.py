"""A node: containerd, kubelet and kube-proxy on a machine, and what can befall them."""

from collections.abc import Sequence
from pathlib import Path

from mediamesh_e2e.cluster import configuration, network
from mediamesh_e2e.cluster.credentials import Credentials
from mediamesh_e2e.cluster.layout import Layout, Place
from mediamesh_e2e.cluster.machine import Machine, Program
from mediamesh_e2e.errors import StartFailed
from mediamesh_e2e.patience import until
from mediamesh_e2e.toolchain import Toolchain

PATIENCE = 60.0
SERVES = "containerd successfully booted"


class Node:
    """One node; its programs are in `programs` by their names."""

    def __init__(self, layout: Layout, place: Place, credentials: Credentials, tools: Toolchain, folder: Path) -> None:
        self.name = place.name
        self._layout = layout
        self._place = place
        self._credentials = credentials
        self._tools = tools
        self.machine = Machine(place, folder / place.name, folder / "logs")
        self.programs: dict[str, Program] = {}

    def power_on(self) -> None:
        """Boot the machine with containerd; `join` is the rest."""
        self.machine.boot()
        self._configure()
        self.launch("containerd")

    def join(self) -> None:
        """Start what makes the machine a node of the cluster, when containerd serves: kubelet ends if it does not."""
        self._await_containerd()
        self.launch("kubelet")
        self.launch("kube-proxy")

    def power_off(self) -> None:
        """Cut the power: everything on the node ends at once, its files and images stay."""
        self.machine.power_off()
        self.programs.clear()

    def launch(self, name: str) -> Program:
        """Start one of the programs, by name; for one that was killed too."""
        home = self.machine.home
        commands: dict[str, Sequence[str | Path]] = {
            "containerd": ["containerd", "--config", home / "containerd.toml"],
            "kubelet": self._kubelet(),
            "kube-proxy": [self._tools.program("kube-proxy"), f"--config={home}/kube-proxy.json"],
        }
        self.programs[name] = self.machine.start(name, commands[name])
        return self.programs[name]

    def ended(self) -> list[Path]:
        """List the logs of the programs that have ended by themselves or were killed."""
        return [program.log for program in self.programs.values() if not program.runs]

    def import_image(self, archive: Path) -> None:
        """Give containerd the images of an OCI archive; under the names that the archive's index gives them."""
        self._await_containerd()
        self.machine.run("ctr", "--namespace=k8s.io", "images", "import", archive, timeout=300)

    def tag_image(self, reference: str, other: str) -> None:
        """Give an image that containerd has another name beside its own."""
        self.machine.run("ctr", "--namespace=k8s.io", "images", "tag", "--force", reference, other)

    def kill_container(self, identity: str) -> None:
        """End a container's first process with SIGKILL, which it cannot be sent from inside."""
        self.machine.run("ctr", "--namespace=k8s.io", "tasks", "kill", "--signal=SIGKILL", identity)

    def runs_container(self, identity: str) -> bool:
        """Whether a container has processes; told by containerd, so that it can be asked while the API is away."""
        return identity in self.machine.run("ctr", "--namespace=k8s.io", "tasks", "list", "--quiet").split()

    def plug(self, *, connected: bool) -> None:
        """Connect the node's cable or pull it out."""
        network.plug(self._layout, self._place, connected=connected)

    def _await_containerd(self) -> None:
        program = self.programs["containerd"]

        def serves() -> bool:
            if not program.runs:
                raise StartFailed(f"{self.name}: containerd ended, see {program.log}")
            return SERVES in program.said()

        until(serves, f"containerd of {self.name}, see {program.log}", seconds=PATIENCE)

    def _configure(self) -> None:
        home, secrets = self.machine.home, self._credentials
        resolver = home / "resolv.conf"
        proxy_client = secrets.kubeconfigs["kube-proxy"]
        (home / "cni").mkdir(exist_ok=True)
        for file, text in {
            "resolv.conf": f"nameserver {self._layout.control.address}\n",
            "containerd.toml": configuration.containerd(home / "cni"),
            "cni/pods.conflist": configuration.pod_network(self._place),
            "kubelet.json": configuration.kubelet(
                self._layout, secrets.authority.certificate, secrets.nodes[self.name], resolver
            ),
            "kube-proxy.json": configuration.kube_proxy(self._layout, self._place, proxy_client),
        }.items():
            (home / file).write_text(text)

    def _kubelet(self) -> list[str | Path]:
        return [
            self._tools.program("kubelet"),
            f"--config={self.machine.home}/kubelet.json",
            f"--kubeconfig={self._credentials.kubeconfigs[self.name]}",
            f"--hostname-override={self.name}",
            f"--node-ip={self._place.address}",
        ]
