"""What a node has, for its MediaNode."""

import os
from pathlib import Path
from typing import Final

from mediamesh import bridge
from mediamesh_protos import agents_pb2

_MEMINFO: Final = Path("/proc/meminfo")
_KIB: Final = 1024


def node_facts(sockets: str, meminfo: Path = _MEMINFO) -> agents_pb2.NodeFacts:
    """Look at the machine; `sockets` is how pods get theirs, `hostPath` or `csi`."""
    memory = memory_facts(meminfo.read_text(encoding="ascii"))
    huge_page = memory.get("Hugepagesize", 0) * _KIB
    return agents_pb2.NodeFacts(
        kernel=os.uname().release,
        cpus=os.cpu_count() or 0,
        memory_bytes=memory.get("MemTotal", 0) * _KIB,
        huge_pages_bytes=memory.get("HugePages_Free", 0) * huge_page,
        bridges=bridge.names(),
        sockets=sockets,
    )


def memory_facts(text: str) -> dict[str, int]:
    """Return the numbers of /proc/meminfo by name, in the unit of each line (KiB, or pages)."""
    rows = (line.partition(":") for line in text.splitlines())
    return {name: int(value.split()[0]) for name, _, value in rows if value.strip()}
