"""What can be set: each by a flag, or by an environment variable."""

import argparse
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mediamesh_operator.errors import OptionsInvalid

AUDIENCE: Final = "mediamesh-operator"
"""That an agent's token must have been issued for."""
_LEVELS: Final = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class Options:
    """Of one replica."""

    namespace: str
    identity: str
    lease: str
    service: tuple[str, ...]
    agent_service_account: str
    ca_secret: str
    ca_bundle: str
    certificates: Path | None
    root: str
    agents: tuple[str, int]
    http: tuple[str, int]
    log_level: str


@dataclass(frozen=True, slots=True)
class _Option:
    flag: str
    default: str
    help: str
    variable: str = ""

    @property
    def environment(self) -> str:
        return self.variable or "MEDIAMESH_" + self.flag.removeprefix("--").replace("-", "_").upper()


_OPTIONS: Final = (
    _Option("--namespace", "mediamesh-system", "where operator, Lease, CA and agents are", "POD_NAMESPACE"),
    _Option("--identity", "", "of this replica in the Lease; the host's name if left out", "POD_NAME"),
    _Option("--lease", "mediamesh-operator", "name of the Lease: who holds it leads"),
    _Option("--service", "mediamesh-operator", "names that agents know the server by, separated by commas"),
    _Option("--agent-service-account", "mediamesh-node", "of the agents; the tokens of others are refused"),
    _Option("--ca-secret", "mediamesh-ca", "name of the Secret that keeps the operator's own CA"),
    _Option("--ca-bundle", "mediamesh-ca-bundle", "name of the ConfigMap by which agents know that CA"),
    _Option("--certificates", "", "folder with tls.crt and tls.key to use instead of a CA of our own (cert-manager)"),
    _Option("--root", "/run/mediamesh", "folder on the nodes whose `pods` pods mount"),
    _Option("--agents", "[::]:8443", "address:port for the agents; only the leader opens it"),
    _Option("--http", "[::]:8080", "address:port of health and metrics"),
    _Option("--log-level", "info", ", ".join(_LEVELS)),
)


def parse(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Options:
    """Return the options; a flag comes before its environment variable.

    Raises
    ------
    OptionsInvalid
        A value cannot be used; the message names the flag.
    """
    parser = argparse.ArgumentParser(prog="mediamesh-operator", description="Makes MediaConnections flow.")
    for option in _OPTIONS:
        default = environment.get(option.environment) or option.default
        text = f"{option.help} (default: {option.default or 'none'}; environment: {option.environment})"
        parser.add_argument(option.flag, default=default, metavar="VALUE", help=text.replace("%", "%%"))
    given = vars(parser.parse_args(arguments))
    if given["log_level"] not in _LEVELS:
        raise OptionsInvalid(f"--log-level: {given['log_level']!r} is not one of {', '.join(_LEVELS)}")
    return Options(
        namespace=given["namespace"],
        identity=given["identity"] or socket.gethostname(),
        lease=given["lease"],
        service=_names(given["service"]),
        agent_service_account=given["agent_service_account"],
        ca_secret=given["ca_secret"],
        ca_bundle=given["ca_bundle"],
        certificates=Path(given["certificates"]) if given["certificates"] else None,
        root=given["root"].rstrip("/"),
        agents=_address(given["agents"], "--agents"),
        http=_address(given["http"], "--http"),
        log_level=given["log_level"],
    )


def _names(text: str) -> tuple[str, ...]:
    names = tuple(filter(None, (name.strip() for name in text.split(","))))
    if not names:
        raise OptionsInvalid("--service: at least one name is needed: it goes into the server's certificate")
    return names


def _address(text: str, flag: str) -> tuple[str, int]:
    """Return host and port of "HOST:PORT"; an IPv6 host stands in brackets."""
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdecimal()) or int(port) > 65535:
        raise OptionsInvalid(f"{flag}: {text!r} is not address:port, such as [::]:8080")
    return host.removeprefix("[").removesuffix("]"), int(port)
