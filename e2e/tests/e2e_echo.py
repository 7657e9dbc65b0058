"""A server that says whom it sees, and a client that asks it: what tests of the network are made with."""

from mediamesh_e2e.errors import ProgramFailed
from mediamesh_e2e.pods import Pods

SERVER = """
import http.server
class Echo(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.client_address[0].encode())
http.server.ThreadingHTTPServer(("", 8080), Echo).serve_forever()
"""
CLIENT = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=2).read().decode())"


def ask(pods: Pods, client: str, host: str) -> str:
    """Ask the server on a host from a pod; give the address that the server sees, or nothing if there is no way."""
    try:
        return pods.run(client, "python3", "-c", CLIENT, f"http://{host}:8080/")
    except ProgramFailed:
        return ""
