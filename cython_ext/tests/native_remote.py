"""Clients in processes of their own, over descriptors passed on a socket, as real ones are.

`remote` starts `python native_remote.py ROLE` with one end of a socketpair as its standard input. The client gets its
descriptors there, and then says one byte from time to time.
"""

import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from mediamesh_testing.waiting import PATIENCE
from native_peers import PATIENCE_NS, STAMP, Flow, Node, Policy

from mediamesh_native.pool import HEADER_SIZE, RingRegion
from mediamesh_native.port import SinkPort, SourcePort, Wait

EVERY = 100  # frames between two signs of life


class Remote:
    """A client in another process, seen from the hub's side."""

    def __init__(self, number: int, process: subprocess.Popen[bytes], control: socket.socket) -> None:
        self.number, self.process, self.control = number, process, control

    def is_alive(self, times: int = 1) -> None:
        """Wait until it has handled some more frames: a hundred each time."""
        while select.select([self.control], [], [], 0)[0] and self.control.recv(4096):
            pass  # old ones
        for _ in range(times):
            assert self.control.recv(1), f"the client ended: {self.process.wait(PATIENCE)}"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)

    def finish(self) -> int:
        """Tell it to stop and return its exit status."""
        self.control.shutdown(socket.SHUT_WR)
        while self.control.recv(4096):
            pass
        return self.process.wait(PATIENCE)


@contextmanager
def remote(node: Node, flow: Flow, role: str, *, queue: int = 8, policy: Policy = "dropOldest") -> Iterator[Remote]:
    """Attach a client in a process of its own."""
    rings = node.own(RingRegion(queue))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        command = [sys.executable, __file__, role]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}  # it finds what we have found
        with subprocess.Popen(command, stdin=theirs.fileno(), env=environment) as process:
            try:
                theirs.close()
                ours.settimeout(PATIENCE)
                greet(ours, flow, rings)
                yield Remote(attach(node, flow, rings, role, queue, policy), process, ours)
            finally:
                process.kill()


def attach(node: Node, flow: Flow, rings: RingRegion, role: str, queue: int, policy: Policy) -> int:
    if role == "source":
        return node.engine.add_source(flow.number, rings, queue=queue)
    return node.engine.add_sink(flow.number, rings, queue=queue, policy=policy, newest=False)


def greet(control: socket.socket, flow: Flow, rings: RingRegion) -> None:
    shape = {
        "rings_size": rings.size,
        "s2m_offset": rings.s2m_offset,
        "s2m_log2": rings.s2m_log2,
        "m2s_offset": rings.m2s_offset,
        "m2s_log2": rings.m2s_log2,
        "header_size": HEADER_SIZE,
        "capacity": flow.capacity,
    }
    said = {"shape": shape, "region": flow.region, "size": flow.pool.size}
    fds = [rings.fd, rings.s2m_event, rings.m2s_event, flow.pool.fd]
    socket.send_fds(control, [json.dumps(said).encode()], fds)
    assert control.recv(1) == b"!"


def open_port(kind: type[Any], control: socket.socket) -> Any:
    data, fds, _, _ = socket.recv_fds(control, 4096, 8)
    said = json.loads(data)
    port = kind(socket=control.fileno(), rings=fds[0], s2m_event=fds[1], m2s_event=fds[2], **said["shape"])
    port.add_region(1 if kind is SourcePort else said["region"], fds[3], said["size"])
    control.sendall(b"!")
    return port


def be_source(port: SourcePort, control: socket.socket) -> None:
    """Send frames that carry their number at both ends until told to stop."""
    number = 0
    while True:
        frame = port.acquire()
        if frame is None:
            if port.wait(PATIENCE_NS) is Wait.CONTROL:
                return
            continue
        stamp = STAMP.pack(number)
        with memoryview(frame) as view:
            view[: STAMP.size] = view[-STAMP.size :] = stamp
        frame.metadata = stamp
        frame.send()
        number += 1
        if number % EVERY == 0 and is_over(control):
            return


def be_sink(port: SinkPort, control: socket.socket) -> None:
    """Hold each frame a while, and check when giving it back that it is still what it was."""
    held: list[Any] = []
    last, count = -1, 0
    while True:
        frame = port.take()
        if frame is None:
            if port.wait(PATIENCE_NS) is Wait.CONTROL:
                return
            continue
        assert frame.sequence > last, f"{frame.sequence} came after {last}"
        last = frame.sequence
        held.append(frame)
        if len(held) > 3:
            check_and_release(held.pop(count % 4))
        count += 1
        if count % EVERY == 0 and is_over(control):
            return


def is_over(control: socket.socket) -> bool:
    """Give a sign of life, if there is room for one; look whether the other side hung up."""
    with suppress(BlockingIOError):
        control.send(b".", socket.MSG_DONTWAIT)
    return bool(select.select([control], [], [], 0)[0])


def check_and_release(frame: Any) -> None:
    with frame, memoryview(frame) as view:
        assert view[: STAMP.size] == view[-STAMP.size :] == frame.metadata, f"frame {frame.sequence} was altered"


def main() -> None:
    """Be the client that the argument names, until the other side hangs up."""
    with socket.socket(fileno=os.dup(0)) as control:
        if sys.argv[1] == "source":
            source = open_port(SourcePort, control)
            be_source(source, control)
            source.close()
        else:
            sink = open_port(SinkPort, control)
            be_sink(sink, control)
            sink.close()


if __name__ == "__main__":
    main()
