"""Where a line leads: a named pipe, or a port of this machine.

The sidecar shares its network with the containers of its pod only as far as loopback goes: whatever listens on another
address is open to the cluster, without a password. So other addresses have to be asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from mediamesh_bridges.errors import BadLine
from mediamesh_core.suggestions import not_one_of, shown

SCHEMES = ("pipe", "rtp", "udp", "http")
_LONGEST_REASON = 80
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """The parts of a URL; `path` is that of the pipe, or of the page."""

    scheme: str
    path: str
    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        if self.scheme == "pipe":
            return f"pipe:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return self.host, self.port

    @property
    def claims(self) -> tuple[Key, ...]:
        """What no other line may lead to; RTP has its control packets on the port after its own."""
        if self.scheme == "pipe":
            return (("pipe", self.path),)
        if self.scheme == "http":
            return (("http", self.host, str(self.port), self.path),)
        return tuple(("udp", self.host, str(self.port + more)) for more in range(1 + (self.scheme == "rtp")))


def parse_target(text: str, *, any_address: bool) -> Target:
    """Return the target of a URL; raises BadLine."""
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError as error:
        raise BadLine(f"{shown(text)} is no URL: {str(error)[:_LONGEST_REASON]}") from None
    if url.scheme not in SCHEMES:
        raise BadLine(f"{shown(text)}: {not_one_of(url.scheme, SCHEMES)}")
    if url.scheme == "pipe":
        return _pipe(url)
    if port is None or not 0 < port < (1 << 16) - 1:
        raise BadLine(f"{shown(text)} names no port, as in {url.scheme}://127.0.0.1:5004")
    return Target(url.scheme, _page(url), _host(url, any_address=any_address), port)


def _pipe(url: SplitResult) -> Target:
    if url.netloc or not url.path.startswith("/") or url.path.endswith("/"):
        raise BadLine(f"{shown(url.geturl())} names no pipe by its full path, as in pipe:/media/cam1.y4m")
    return Target("pipe", url.path)


def _page(url: SplitResult) -> str:
    if url.scheme == "http":
        return (url.path or "/") + (f"?{url.query}" if url.query else "")
    if url.path.strip("/") or url.query:
        raise BadLine(f"{shown(url.geturl())}: there is nothing after the port of {url.scheme}")
    return ""


def _host(url: SplitResult, *, any_address: bool) -> str:
    host = "127.0.0.1" if url.hostname == "localhost" else url.hostname or ""
    try:
        address = ip_address(host)
    except ValueError:
        raise BadLine(f"{shown(host)} is no address; write 127.0.0.1 or [::1]") from None
    if not address.is_loopback and not any_address:
        raise BadLine(f"{host} is not this machine's own 127.0.0.1; others are served only with --any-address")
    return host
