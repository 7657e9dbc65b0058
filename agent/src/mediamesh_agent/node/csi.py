"""The CSI driver `mediamesh.csi`: a pod's folder as an ephemeral volume, so that pods need no hostPath.

kubelet says which pod mounts (`podInfoOnMount`), so the pod's author has no say in it: the volume is the folder of that
pod, made here and shown read-only. Everything is idempotent, because kubelet asks again after any doubt. Unpublishing
leaves the folder: it is removed like all folders of pods that are gone (`folders`), which also covers a node that was
switched off.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any, Final

import grpc
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import BoolValue

from mediamesh_agent.errors import AgentError
from mediamesh_agent.node import mounts
from mediamesh_agent.node.folders import is_uid
from mediamesh_core.errors import UserError
from mediamesh_protos import csi_pb2

log = logging.getLogger(__name__)

NAME: Final = "mediamesh.csi"
_POD_UID: Final = "csi.storage.k8s.io/pod.uid"
_VOLUMES: Final = "kubernetes.io~csi"
"""Kubelet's name of the folder of a pod's CSI volumes."""
_EPHEMERAL: Final = "csi.storage.k8s.io/ephemeral"
Answer = Callable[[Any], Awaitable[Message]]


class VolumeRefused(AgentError, UserError):
    """A request that kubelet would not make of a volume as the documentation has it."""


@dataclass(frozen=True, slots=True)
class Driver:
    """Answers kubelet; folders are below `pods`."""

    node: str
    pods: Path

    def services(self) -> dict[str, dict[str, tuple[type[Message], Answer]]]:
        """Return what answers which method of which service, and the class of its request."""
        return {
            "csi.v1.Identity": {
                "GetPluginInfo": (csi_pb2.GetPluginInfoRequest, _plugin_info),
                "GetPluginCapabilities": (csi_pb2.GetPluginCapabilitiesRequest, _plugin_capabilities),
                "Probe": (csi_pb2.ProbeRequest, _probe),
            },
            "csi.v1.Node": {
                "NodePublishVolume": (csi_pb2.NodePublishVolumeRequest, self._publish),
                "NodeUnpublishVolume": (csi_pb2.NodeUnpublishVolumeRequest, self._unpublish),
                "NodeGetCapabilities": (csi_pb2.NodeGetCapabilitiesRequest, _node_capabilities),
                "NodeGetInfo": (csi_pb2.NodeGetInfoRequest, self._info),
            },
        }

    async def _info(self, _: csi_pb2.NodeGetInfoRequest) -> Message:
        return csi_pb2.NodeGetInfoResponse(node_id=self.node)

    async def _publish(self, request: csi_pb2.NodePublishVolumeRequest) -> Message:
        uid = pod_of(request)
        folder, target = self.pods / uid, checked_target(request.target_path)
        if uid not in target.parts:
            raise VolumeRefused(f"target_path {str(target)!r} is not one of pod {uid}")
        await asyncio.to_thread(_publish, folder, target)
        log.info("volume published", extra={"fields": {"pod": uid, "volume": request.volume_id}})
        return csi_pb2.NodePublishVolumeResponse()

    async def _unpublish(self, request: csi_pb2.NodeUnpublishVolumeRequest) -> Message:
        if not request.volume_id:
            raise VolumeRefused("volume_id is missing")
        await asyncio.to_thread(mounts.hide, checked_target(request.target_path))
        log.info("volume unpublished", extra={"fields": {"volume": request.volume_id}})
        return csi_pb2.NodeUnpublishVolumeResponse()


def _publish(folder: Path, target: Path) -> None:
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    mounts.show(folder, target)


def pod_of(request: csi_pb2.NodePublishVolumeRequest) -> str:
    """Return the uid of the pod that mounts; raises VolumeRefused if this is no volume of ours."""
    context = request.volume_context
    for broken, what in (
        (not request.volume_id, "volume_id is missing"),
        (request.volume_capability.WhichOneof("access_type") != "mount", "only volumes of type mount are served"),
        (context.get(_EPHEMERAL) != "true", "only ephemeral inline volumes are served: use `csi` in the pod's spec"),
        (not is_uid(context.get(_POD_UID, "")), f"{_POD_UID} is no uid: the CSIDriver object needs podInfoOnMount"),
    ):
        if broken:
            raise VolumeRefused(what)
    return context[_POD_UID]


def checked_target(text: str) -> Path:
    """Return the path that a volume is shown at; raises VolumeRefused if kubelet would not use it for that."""
    path = PurePosixPath(text)
    if not path.is_absolute() or ".." in path.parts or str(path) != text or _VOLUMES not in path.parts[:-1]:
        raise VolumeRefused(f"target_path {text[:500]!r} is not that of a CSI volume")
    return Path(path)


async def _plugin_info(_: csi_pb2.GetPluginInfoRequest) -> Message:
    return csi_pb2.GetPluginInfoResponse(name=NAME, vendor_version=version("mediamesh-agent"))


async def _plugin_capabilities(_: csi_pb2.GetPluginCapabilitiesRequest) -> Message:
    return csi_pb2.GetPluginCapabilitiesResponse()


async def _probe(_: csi_pb2.ProbeRequest) -> Message:
    return csi_pb2.ProbeResponse(ready=BoolValue(value=True))


async def _node_capabilities(_: csi_pb2.NodeGetCapabilitiesRequest) -> Message:
    return csi_pb2.NodeGetCapabilitiesResponse()


def handlers(services: Mapping[str, Mapping[str, tuple[type[Message], Answer]]]) -> list[grpc.GenericRpcHandler]:
    """Return gRPC's handlers; what they raise becomes a status with the reason in front."""
    made = []
    for service, methods in services.items():
        answering = {
            name: grpc.unary_unary_rpc_method_handler(_guarded(name, answer), kind.FromString, _serialized)
            for name, (kind, answer) in methods.items()
        }
        made.append(grpc.method_handlers_generic_handler(service, answering))
    return made


def _serialized(message: Message) -> bytes:
    return message.SerializeToString()


def _guarded(name: str, answer: Answer) -> Any:
    async def guarded(request: Message, context: Any) -> Message:
        try:
            return await answer(request)
        except AgentError as error:
            log.warning("%s refused: %s", name, error.message, extra={"fields": {"reason": error.reason}})
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"{error.reason}: {error.message}")
        except OSError as error:
            log.warning("%s failed: %s", name, error)
            await context.abort(grpc.StatusCode.INTERNAL, str(error))
        raise AssertionError("abort always raises")

    return guarded
