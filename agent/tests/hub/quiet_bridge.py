"""A bridge process for tests: it does what its settings say and knows nothing of mediamesh."""

import fcntl
import json
import os
import signal
import sys
from pathlib import Path


def main() -> int:
    instruction = json.loads(os.environ["MEDIAMESH_BRIDGE"])
    config = instruction["config"]
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # whoever sees the lock may send it
    lock = os.open(instruction["lock"], os.O_RDWR | os.O_CREAT)
    fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    for line in config.get("says", []):
        sys.stderr.write(f"{line}\n")
    if "exit" in config:
        return int(config["exit"])
    if note := config.get("note"):
        Path(note).write_text(f"{instruction['role']} {os.getpid()} {os.environ['MEDIAMESH_DIR']}")
    while config.get("stubborn"):
        signal.pause()
    signal.sigwait({signal.SIGTERM})
    if epitaph := config.get("epitaph"):
        with Path(epitaph).open("a") as book:
            book.write(instruction["role"] + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
