"""In which container this process runs, as far as that matters to a hub and its bridges.

A pid means something only inside its pid namespace, and the processes of a container end with it, also where it shares
the node's pid namespace. So a hub can go on with a predecessor's bridges only if both namespaces are its own.
"""

import os


def identity() -> str:
    """Return the kernel's names of this process's pid and mount namespaces: equal for equal containers only."""
    return " ".join(os.readlink(f"/proc/self/ns/{kind}") for kind in ("pid", "mnt"))  # noqa: PTH115 -- no path
