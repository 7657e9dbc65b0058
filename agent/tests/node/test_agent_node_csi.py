"""The CSI driver as kubelet uses it: a real agent with real mounts, in a mount namespace of its own."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import grpc
import pytest
from google.protobuf.message import Message
from mediamesh_testing.waiting import PATIENCE, eventually

from mediamesh_agent.node.csi import VolumeRefused, checked_target, pod_of
from mediamesh_protos import csi_pb2, pluginregistration_pb2

UID = "3f6c2a9e-0b1d-4c55-9d53-1f0e8f1f9a01"
Reply = TypeVar("Reply", bound=Message)


def context(**changed: str) -> dict[str, str]:
    """What kubelet says of who mounts."""
    said = {"pod.uid": UID, "pod.name": "camera-1", "pod.namespace": "studio", "ephemeral": "true"} | changed
    return {f"csi.storage.k8s.io/{name.replace('_', '.')}": value for name, value in said.items()}


def publishing(target: Path | str, **changed: Any) -> csi_pb2.NodePublishVolumeRequest:
    mount = csi_pb2.VolumeCapability(mount=csi_pb2.VolumeCapability.MountVolume())
    said: dict[str, Any] = {"volume_id": "csi-1", "volume_capability": mount, "volume_context": context()}
    return csi_pb2.NodePublishVolumeRequest(target_path=str(target), readonly=True, **said | changed)


class Kubelet:
    """An agent in its mount namespace, and calls to its sockets as kubelet makes them."""

    def __init__(self, folder: Path) -> None:
        self.root, self.plugin, self.registry = folder / "root", folder / "plugin", folder / "registry"
        self.target = folder / f"pods/{UID}/volumes/kubernetes.io~csi/mesh/mount"
        for made in (self.root, self.plugin, self.registry):
            made.mkdir(exist_ok=True)
        place = [f"--csi-dir={self.plugin}", f"--csi-registration-dir={self.registry}", "--csi-kubelet-path=/k/plugin"]
        known = ["--node=node-a", "--operator=127.0.0.1:1", "--http=127.0.0.1:0", f"--root={self.root}"]
        agent = [sys.executable, "-m", "mediamesh_agent.node", *known, *place]
        self.log = folder / f"agent-{os.urandom(2).hex()}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(["unshare", "--mount", *agent], stderr=log)

    async def call(self, method: str, request: Message, reply: type[Reply], *, registry: bool = False) -> Reply:
        path = self.registry / "mediamesh.csi-reg.sock" if registry else self.plugin / "csi.sock"
        async with grpc.aio.insecure_channel(f"unix:{path}") as channel:
            ask: Any = channel.unary_unary(f"/{method}", type(request).SerializeToString, reply.FromString)
            answer: Reply = await ask(request, timeout=PATIENCE)
        return answer

    async def publish(self, **changed: Any) -> None:
        request = publishing(self.target, **changed)
        await self.call("csi.v1.Node/NodePublishVolume", request, csi_pb2.NodePublishVolumeResponse)

    async def unpublish(self) -> None:
        request = csi_pb2.NodeUnpublishVolumeRequest(volume_id="csi-1", target_path=str(self.target))
        await self.call("csi.v1.Node/NodeUnpublishVolume", request, csi_pb2.NodeUnpublishVolumeResponse)

    def inside(self, *command: str) -> str:
        enter = ["nsenter", f"--target={self.process.pid}", "--mount"]
        return subprocess.run([*enter, *command], capture_output=True, text=True, check=True).stdout

    def mounts(self) -> list[str]:
        """The options of what is mounted at the target, one entry for each mount."""
        lines = (line.split() for line in self.inside("cat", "/proc/self/mounts").splitlines())
        return [options for _, place, _, options, *_ in lines if place == str(self.target)]

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE) == 0, self.log.read_text()


@contextlib.asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Kubelet]:
    kubelet = Kubelet(folder)
    try:
        await eventually(lambda: "the agent works" in kubelet.log.read_text(), "the agent")
        yield kubelet
    finally:
        if kubelet.process.returncode is None:
            kubelet.end()


def play(folder: Path, scenario: Callable[[Kubelet], Awaitable[None]]) -> None:
    async def main() -> None:
        async with serving(folder) as kubelet:
            await scenario(kubelet)

    asyncio.run(main())


def test_it_registers_and_says_who_it_is(free_dir: Path) -> None:
    async def scenario(kubelet: Kubelet) -> None:
        registration, protocol = "pluginregistration.Registration", pluginregistration_pb2
        asked = protocol.InfoRequest()
        known = await kubelet.call(f"{registration}/GetInfo", asked, protocol.PluginInfo, registry=True)
        assert (known.type, known.name, known.endpoint) == ("CSIPlugin", "mediamesh.csi", "/k/plugin/csi.sock")
        assert list(known.supported_versions) == ["1.0.0"]
        for status in (protocol.RegistrationStatus(plugin_registered=True), protocol.RegistrationStatus(error="no")):
            method = f"{registration}/NotifyRegistrationStatus"
            await kubelet.call(method, status, protocol.RegistrationStatusResponse, registry=True)
        info = await kubelet.call("csi.v1.Node/NodeGetInfo", csi_pb2.NodeGetInfoRequest(), csi_pb2.NodeGetInfoResponse)
        assert info.node_id == "node-a"
        probe = await kubelet.call("csi.v1.Identity/Probe", csi_pb2.ProbeRequest(), csi_pb2.ProbeResponse)
        assert probe.ready.value
        who = csi_pb2.GetPluginInfoRequest()
        assert (await kubelet.call("csi.v1.Identity/GetPluginInfo", who, csi_pb2.GetPluginInfoResponse)).vendor_version
        for method, empty, reply in (
            (
                "csi.v1.Node/NodeGetCapabilities",
                csi_pb2.NodeGetCapabilitiesRequest(),
                csi_pb2.NodeGetCapabilitiesResponse,
            ),
            (
                "csi.v1.Identity/GetPluginCapabilities",
                csi_pb2.GetPluginCapabilitiesRequest(),
                csi_pb2.GetPluginCapabilitiesResponse,
            ),
        ):
            assert (await kubelet.call(method, empty, reply)).ByteSize() == 0

    play(free_dir, scenario)
    assert not list((free_dir / "registry").iterdir())
    assert not list((free_dir / "plugin").iterdir())


# A socket in the folder can be connected to through the view by any uid, and nothing can be written there.
GUEST = """
import os, socket, sys
os.setgroups([]); os.setresgid(1000, 1000, 1000); os.setresuid(1000, 1000, 1000)
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
    client.connect(sys.argv[1] + "/attach.sock")
print(os.access(sys.argv[1], os.W_OK))
"""


def test_a_pod_gets_its_folder_read_only_and_gives_it_back(free_dir: Path) -> None:
    folder = free_dir / "root/pods" / UID

    async def scenario(kubelet: Kubelet) -> None:
        await kubelet.publish()
        await kubelet.publish()
        (options,) = kubelet.mounts()
        assert {"ro", "nosuid", "nodev", "noexec"} <= set(options.split(","))
        assert folder.stat().st_mode & 0o777 == 0o755
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(str(folder / "attach.sock"))
            (folder / "attach.sock").chmod(0o666)
            listener.listen()
            assert kubelet.inside(sys.executable, "-c", GUEST, str(kubelet.target)) == "False\n"
        await kubelet.unpublish()
        assert kubelet.mounts() == []
        assert not kubelet.target.exists()
        await kubelet.unpublish()

    free_dir.chmod(0o755)
    play(free_dir, scenario)
    assert folder.exists(), "it may have other volumes, and goes when the pod has gone"


def test_what_is_half_done_is_finished(free_dir: Path) -> None:
    """A view without its flags, and one view upon the other."""

    async def scenario(kubelet: Kubelet) -> None:
        kubelet.target.mkdir(parents=True)
        folder = kubelet.root / "pods" / UID
        folder.mkdir(parents=True)
        kubelet.inside("mount", "--bind", str(folder), str(kubelet.target))
        await kubelet.publish()
        (options,) = kubelet.mounts()
        assert "ro" in options.split(",")
        kubelet.inside("mount", "--bind", str(folder), str(kubelet.target))
        assert len(kubelet.mounts()) == 2
        await kubelet.unpublish()
        assert kubelet.mounts() == []

    play(free_dir, scenario)


def test_another_folder_at_the_target_is_left_there(free_dir: Path) -> None:
    async def scenario(kubelet: Kubelet) -> None:
        kubelet.target.mkdir(parents=True)
        kubelet.inside("mount", "--bind", str(kubelet.plugin), str(kubelet.target))
        with pytest.raises(grpc.aio.AioRpcError, match="PlaceTaken: another folder is mounted"):
            await kubelet.publish()
        assert len(kubelet.mounts()) == 1

    play(free_dir, scenario)


def test_refusals_have_a_code_and_a_reason(free_dir: Path) -> None:
    async def scenario(kubelet: Kubelet) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await kubelet.publish(volume_context={})
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert (refused.value.details() or "").startswith("VolumeRefused: ")
        with pytest.raises(grpc.aio.AioRpcError, match="is not one of pod"):
            await kubelet.publish(volume_context=context(pod_uid=UID[:-1] + "2"))
        kubelet.target.parent.mkdir(parents=True)
        kubelet.target.touch()
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await kubelet.publish()
        assert failed.value.code() is grpc.StatusCode.INTERNAL

    play(free_dir, scenario)


def test_of_two_agents_the_younger_keeps_the_sockets(free_dir: Path) -> None:
    async def scenario(older: Kubelet) -> None:
        async with serving(free_dir) as younger:
            older.end()
            await younger.publish()
            assert len(younger.mounts()) == 1
            await younger.unpublish()

    play(free_dir, scenario)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"volume_id": ""}, "volume_id is missing"),
        ({"volume_capability": None}, "only volumes of type mount"),
        (
            {"volume_capability": csi_pb2.VolumeCapability(block=csi_pb2.VolumeCapability.BlockVolume())},
            "of type mount",
        ),
        ({"volume_context": context(ephemeral="false")}, "only ephemeral inline volumes"),
        ({"volume_context": context(pod_uid="../etc")}, "needs podInfoOnMount"),
        ({"volume_context": {"csi.storage.k8s.io/ephemeral": "true"}}, "needs podInfoOnMount"),
    ],
)
def test_a_volume_that_is_not_ours_is_refused(changed: dict[str, Any], said: str) -> None:
    assert pod_of(publishing("/x")) == UID
    with pytest.raises(VolumeRefused, match=said):
        pod_of(publishing("/x", **changed))


@pytest.mark.parametrize(
    "target",
    [
        "",
        "/",
        "relative/kubernetes.io~csi/x",
        "/kubernetes.io~csi",
        "/a/../kubernetes.io~csi/x",
        "/kubernetes.io~csi//x",
        "/etc",
    ],
)
def test_only_places_of_volumes_are_touched(target: str) -> None:
    assert checked_target("/k/kubernetes.io~csi/mesh/mount") == Path("/k/kubernetes.io~csi/mesh/mount")
    with pytest.raises(VolumeRefused, match="is not that of a CSI volume"):
        checked_target(target)
