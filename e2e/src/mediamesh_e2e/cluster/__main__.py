"""Run a cluster in the foreground (`up`), remove what killed ones left (`clean`), or only build all programs (`build`).

`up` prints one line to paste into a shell, and ends the cluster on Ctrl-C or SIGTERM.
"""

import argparse
import signal
import sys
import time

from mediamesh.stopping import Stopping
from mediamesh_e2e.cluster import simulated, slots
from mediamesh_e2e.cluster.cluster import start
from mediamesh_e2e.errors import E2eError
from mediamesh_e2e.toolchain import make_toolchain


def main() -> int:
    """Do what the command line says; 1 with one plain sentence when that cannot be done."""
    parser = argparse.ArgumentParser(prog="mediamesh_e2e.cluster", description=__doc__)
    parser.add_argument("command", choices=("up", "clean", "build"))
    command = parser.parse_args().command
    try:
        {"up": _up, "clean": _clean, "build": _build}[command]()
    except E2eError as error:
        sys.stderr.write(f"{error.reason}: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _up() -> None:
    ended = Stopping()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    began = time.monotonic()
    with start() as cluster:
        sys.stdout.write(f"export KUBECONFIG={cluster.kubeconfig} PATH={cluster.tools.clients}:$PATH\n")
        sys.stdout.flush()
        sys.stderr.write(f"e2e: two nodes Ready after {time.monotonic() - began:.1f} s; logs in {cluster.logs};")
        sys.stderr.write(" Ctrl-C ends it\n")
        signal.signal(signal.SIGINT, lambda *_: ended.set())
        ended.wait()


def _build() -> None:
    make_toolchain()
    simulated.kwok()


def _clean() -> None:
    for prefix in slots.clean():
        sys.stderr.write(f"e2e: {prefix} is in use\n")


if __name__ == "__main__":
    sys.exit(main())
