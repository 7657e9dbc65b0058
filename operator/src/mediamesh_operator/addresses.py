"""Addresses that this replica listens on."""

import socket


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that listens; the host `::` is every address, of IPv4 too.

    Left to itself, asyncio takes `::` for IPv6 alone. Where the kernel has no IPv6, `::` is every address of IPv4.
    """
    if host not in ("", "::"):
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    if socket.has_dualstack_ipv6():
        return socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))
