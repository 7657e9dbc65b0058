"""The image of a pod's first container, which holds the pod's namespaces and reaps its orphans: a few lines of C."""

import shutil
from pathlib import Path

from mediamesh_e2e.cluster.configuration import PAUSE_IMAGE
from mediamesh_e2e.images.archive import Start, write_archive, write_layer
from mediamesh_e2e.programs import run
from mediamesh_e2e.toolchain import cached

SOURCE = r"""
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void end(int number) { _exit(128 + number); }
static void reap(int number) { while (waitpid(-1, 0, WNOHANG) > 0); }

int main(void) {
  signal(SIGINT, end);
  signal(SIGTERM, end);
  signal(SIGCHLD, reap);
  for (;;) pause();
}
"""


def pause_image() -> Path:
    """Give the archive; it is compiled the first time."""
    return cached(SOURCE, "pause image", _make) / "image.tar"


def _make(folder: Path) -> None:
    tree = folder / "tree"
    tree.mkdir()
    run(["gcc", "-Os", "-static", "-s", "-x", "c", "-", "-o", tree / "pause"], given=SOURCE)
    write_layer(tree, folder / "layer.tar")
    shutil.rmtree(tree)
    write_archive(PAUSE_IMAGE, Start(("/pause",), user="65535:65535"), [folder / "layer.tar"], folder / "image.tar")
