"""Keeps foreign web pages away from the buttons.

A page that listens on 127.0.0.1 can be reached by every web site that its user visits: through a form or `fetch`
to that address, through a host name that resolves to it (DNS rebinding), or by framing the page under
something to click. So a request must name the page's own host, come from the page's own origin if a browser
says where it comes from, and the answers forbid framing and foreign content.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_NAMES: Final = ("127.0.0.1", "localhost")
_OWN_SITES: Final = (None, "same-origin", "none")
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def refusal(request: web.Request, port: int) -> str | None:
    """Return why a request is not served, or None."""
    hosts = {f"{name}:{port}" for name in _NAMES}
    if request.headers.get("Host") not in hosts:
        return f"this page is http://127.0.0.1:{port}/ and answers to no other name"
    if request.headers.get("Sec-Fetch-Site") not in _OWN_SITES:
        return "another web site asked for this"
    origin = request.headers.get("Origin")
    if origin is not None and origin not in {f"http://{host}" for host in hosts}:
        return f"a page of {origin} asked for this"
    if request.method == "POST" and request.content_type != "application/json":
        return "send application/json"
    return None


@web.middleware
async def protect(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what `refusal` names."""
    port = request.transport.get_extra_info("sockname")[1] if request.transport else 0
    reason = refusal(request, port)
    if reason is not None:
        raise web.HTTPForbidden(text=reason)
    return await handler(request)


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Put the headers on every response, streams and errors too; for `on_response_prepare`."""
    response.headers.update(_HEADERS)
