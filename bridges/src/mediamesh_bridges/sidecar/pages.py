"""Pages of moving JPEG over HTTP (multipart/x-mixed-replace), which browsers, ffmpeg and OpenCV know.

One server for each address, one path for each line. The standard library's server does: a viewer is a thread that
mostly sleeps. Viewers are bounded, and one that takes nothing for `PATIENCE` is let go.
"""

from __future__ import annotations

import select
import socket
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import BoundedSemaphore, Thread
from typing import Any

from mediamesh.stopping import Stopping
from mediamesh_bridges.errors import AddressTaken
from mediamesh_bridges.file.recorded import Recorded, Writer
from mediamesh_bridges.sidecar.jpegs import jpegs_of
from mediamesh_bridges.sidecar.newest import Newest
from mediamesh_bridges.sidecar.targets import Target
from mediamesh_core.formats import Format

BOUNDARY = "picture"
MOST_VIEWERS = 64
PATIENCE = 10.0
"""Seconds for a request to come in whole, and for a part to go out."""


class PageServer:
    """The server of one address; starts with its first page."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._server: _Server | None = None
        self.pages: dict[str, Newest] = {}

    def start(self) -> None:
        """Bind the port, once; raises AddressTaken."""
        if self._server is not None:
            return
        try:
            self._server = _Server(self._target, self.pages)
        except OSError as error:
            raise AddressTaken(f"{self._target} cannot be bound: {error.strerror}; choose another port") from error
        Thread(target=self._server.serve_forever, name=f"http {self._target.port}", daemon=True).start()

    def close(self) -> None:
        """Take no more viewers."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class PageDestination:
    """One path of a server."""

    def __init__(self, server: PageServer, path: str, stopping: Stopping) -> None:
        self._server = server
        self._newest = server.pages[path] = Newest(stopping)

    def prepare(self) -> None:
        """Be there for viewers."""
        self._server.start()

    def await_visit(self) -> PageVisit:
        """Wait for the first viewer."""
        self._newest.await_viewer()
        return PageVisit(self._newest)

    def close(self) -> None:
        """Take no more viewers."""
        self._server.close()
        self._newest.close()


class PageVisit:
    """All viewers of a page, until the last one leaves."""

    def __init__(self, newest: Newest) -> None:
        self._newest = newest
        self._quiet = Stopping()
        self.fileno = self._quiet.fileno
        self.close = self._quiet.close

    def writer(self, format: Format) -> Writer:
        """Make pictures."""
        return _Pictures(self._newest, format)

    def gone(self) -> bool:
        """Return whether nobody looks any more."""
        return not self._newest.viewers


class _Pictures:
    def __init__(self, newest: Newest, format: Format) -> None:
        self._newest = newest
        self._jpegs = jpegs_of(format)

    def write(self, recorded: Recorded) -> None:
        for picture in self._jpegs(recorded.payload):
            self._newest.publish(picture)

    def finish(self) -> None:
        """Nothing is held back."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, target: Target, pages: dict[str, Newest]) -> None:
        self.address_family = socket.AF_INET6 if ":" in target.host else socket.AF_INET
        self.pages = pages
        self.places = BoundedSemaphore(MOST_VIEWERS)
        super().__init__(target.address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of viewers that leave, or send nonsense."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = PATIENCE
    server_version = "mediamesh"
    sys_version = ""

    def do_GET(self) -> None:
        page = self.server.pages.get(self.path)
        if page is None:
            known = ", ".join(sorted(self.server.pages))
            self.send_error(HTTPStatus.NOT_FOUND, explain=f"There are {known}.")
        elif not self.server.places.acquire(blocking=False):
            self.send_error(HTTPStatus.SERVICE_UNAVAILABLE, explain=f"{MOST_VIEWERS} viewers are enough.")
        else:
            try:
                self._show(page)
            finally:
                self.server.places.release()

    def log_message(self, format: str, *args: Any) -> None:
        """Write no line for each request."""

    def _show(self, page: Newest) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        with page.viewing() as viewer:
            while not self._left():
                if picture := viewer.next():
                    self._send(picture)

    def _send(self, picture: bytes) -> None:
        head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
        self.wfile.write(head.encode() + picture + b"\r\n")

    def _left(self) -> bool:
        """Whether the viewer has closed its end; one that says anything more is let go as well."""
        poll = select.poll()
        poll.register(self.connection, select.POLLIN)
        return bool(poll.poll(0))
