"""What can be set on the agent of a node: each by a flag, or by an environment variable."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_LEVELS: Final = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class Options:
    """Of one node's agent."""

    node: str
    operator: str
    """host:port; every address of the host is tried."""
    server_name: str
    """That the operator's certificate must have; "" for the operator's host."""
    root: Path
    token: Path
    ca: Path
    http: str
    log_level: str
    csi_dir: Path | None
    csi_registration_dir: Path | None
    csi_kubelet_path: Path | None


@dataclass(frozen=True, slots=True)
class _Option:
    flag: str
    variable: str
    default: str | None
    help: str


_OPTIONS: Final = (
    _Option("--node", "NODE_NAME", None, "name of this node, as its token has it"),
    _Option("--operator", "MEDIAMESH_OPERATOR", None, "host:port of the operator; a name may have several addresses"),
    _Option("--server-name", "MEDIAMESH_SERVER_NAME", "", "name in the operator's certificate, if not its host"),
    _Option("--root", "MEDIAMESH_DIR", "/run/mediamesh", "folder of the hub, with `pods` below it"),
    _Option("--token", "MEDIAMESH_TOKEN", "/run/identity/token", "file of the projected service-account token"),
    _Option("--ca", "MEDIAMESH_CA", "/run/ca/ca.crt", "file of the CA bundle that the operator's certificate is of"),
    _Option("--http", "MEDIAMESH_HTTP", "[::]:8080", "address:port of /metrics, /healthz and /readyz"),
    _Option("--log-level", "MEDIAMESH_LOG_LEVEL", "info", ", ".join(_LEVELS)),
    _Option("--csi-dir", "MEDIAMESH_CSI_DIR", "", "folder of the CSI socket; serves the volumes of mediamesh.csi"),
    _Option("--csi-registration-dir", "MEDIAMESH_CSI_REGISTRATION_DIR", "", "kubelet's folder plugins_registry"),
    _Option("--csi-kubelet-path", "MEDIAMESH_CSI_KUBELET_PATH", "", "the folder of --csi-dir, as kubelet sees it"),
)


def parse(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Options:
    """Read the command line; what is wrong ends the program with status 2 and a sentence."""
    parser = argparse.ArgumentParser(
        prog="mediamesh-node", description="The agent of a node: carries out what the operator plans, and reports."
    )
    for option in _OPTIONS:
        default = environment.get(option.variable) or option.default
        said = f"{option.help} [{option.variable}; {option.default or 'none'}]"
        parser.add_argument(option.flag, default=default, required=default is None, help=said)
    given = parser.parse_args(arguments)
    _check(parser, given)
    csi = [getattr(given, name) for name in ("csi_dir", "csi_registration_dir", "csi_kubelet_path")]
    dirs = [Path(path) if path else None for path in csi]
    return Options(
        node=given.node,
        operator=given.operator,
        server_name=given.server_name,
        root=Path(given.root).absolute(),
        token=Path(given.token),
        ca=Path(given.ca),
        http=given.http,
        log_level=given.log_level,
        csi_dir=dirs[0],
        csi_registration_dir=dirs[1],
        csi_kubelet_path=dirs[2],
    )


def _check(parser: argparse.ArgumentParser, given: argparse.Namespace) -> None:
    if given.log_level not in _LEVELS:
        parser.error(f"--log-level: {given.log_level!r} is none of {', '.join(_LEVELS)}")
    for flag, value in (("--operator", given.operator), ("--http", given.http)):
        if not is_address(value):
            parser.error(f"{flag}: {value!r} is not host:port")
    csi = (given.csi_dir, given.csi_registration_dir, given.csi_kubelet_path)
    if any(csi) and not all(csi):
        parser.error("--csi-dir, --csi-registration-dir and --csi-kubelet-path belong together")


def is_address(text: str) -> bool:
    """Whether this is host:port."""
    host, _, port = text.rpartition(":")
    return bool(host) and port.isascii() and port.isdecimal() and int(port) < 1 << 16
