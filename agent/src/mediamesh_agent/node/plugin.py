"""The sockets by which kubelet knows the driver: that of the driver itself, and that of its registration.

kubelet watches its folder plugins_registry: a socket that appears there is asked for the driver's name and socket, one
that disappears takes the driver with it. In a rolling upgrade two agents serve for a while, and the socket of the
younger has to win and to stay. So each listens on a name of its own that kubelet overlooks (it begins with a dot) and
then moves it over the known one; at its end it takes the known name away only if that is still its own socket.
"""

import contextlib
import logging
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc
from google.protobuf.message import Message

from mediamesh_agent.node.csi import NAME, Answer, Driver, handlers
from mediamesh_protos import pluginregistration_pb2

log = logging.getLogger(__name__)

DRIVER_SOCKET: Final = "csi.sock"
REGISTRATION_SOCKET: Final = f"{NAME}-reg.sock"
_VERSION: Final = "1.0.0"


@dataclass(frozen=True, slots=True)
class Registration:
    """Answers kubelet's plugin watcher."""

    endpoint: Path

    def services(self) -> dict[str, dict[str, tuple[type[Message], Answer]]]:
        """Return what answers which method."""
        methods: dict[str, tuple[type[Message], Answer]] = {
            "GetInfo": (pluginregistration_pb2.InfoRequest, self._info),
            "NotifyRegistrationStatus": (pluginregistration_pb2.RegistrationStatus, self._noted),
        }
        return {"pluginregistration.Registration": methods}

    async def _info(self, _: pluginregistration_pb2.InfoRequest) -> Message:
        return pluginregistration_pb2.PluginInfo(
            type="CSIPlugin", name=NAME, endpoint=str(self.endpoint), supported_versions=[_VERSION]
        )

    async def _noted(self, status: pluginregistration_pb2.RegistrationStatus) -> Message:
        if status.plugin_registered:
            log.info("kubelet has registered %s", NAME)
        else:
            log.error("kubelet has not registered %s: %s", NAME, status.error)
        return pluginregistration_pb2.RegistrationStatusResponse()


@contextlib.asynccontextmanager
async def plugged_in(driver: Driver, folder: Path, registry: Path, seen_by_kubelet: Path) -> AsyncIterator[None]:
    """Serve the driver while the context lasts; `seen_by_kubelet` is what kubelet calls `folder`."""
    registration = Registration(seen_by_kubelet / DRIVER_SOCKET)
    async with (
        _serving(folder / DRIVER_SOCKET, handlers(driver.services())),
        _serving(registry / REGISTRATION_SOCKET, handlers(registration.services())),
    ):
        yield


@contextlib.asynccontextmanager
async def _serving(path: Path, answering: list[grpc.GenericRpcHandler]) -> AsyncIterator[None]:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(answering)
    own = path.with_name(f".{path.stem}-{os.urandom(4).hex()}.sock")
    server.add_insecure_port(f"unix:{own}")
    await server.start()
    inode = own.stat().st_ino
    own.rename(path)
    try:
        yield
    finally:
        await server.stop(grace=1.0)
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_ino == inode:
                path.unlink()
