"""Cutting the traffic between two addresses, and nothing else.

Every machine drops it where it would pass: on its way in, out and through, and between the ports of a bridge, which is
how pods of one node and the machines themselves reach each other. The rules stand behind the translation of service
addresses, so the addresses are those of pods and machines.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import IPv4Address

from mediamesh_e2e.cluster.layout import Layout, Place
from mediamesh_e2e.cluster.network import in_machine

HOOKS = {"inet": ("input", "output", "forward"), "bridge": ("forward",)}


@contextmanager
def cut(layout: Layout, one: IPv4Address, other: IPv4Address) -> Iterator[None]:
    """Let no packet pass between two addresses, in either direction, until the block ends."""
    name = f"cut_{int(one)}_{int(other)}"
    with ExitStack() as mended:
        for place in layout.places:
            mended.callback(_mend, place, name)
            in_machine(place, ["nft", "-f", "-"], given=ruleset(name, one, other))
        yield


def ruleset(name: str, one: IPv4Address, other: IPv4Address) -> str:
    """Spell the rules of a cut for nft."""
    pairs = ((one, other), (other, one))
    drop = "".join(f"    ip saddr {source} ip daddr {target} drop\n" for source, target in pairs)
    return "".join(
        f"table {family} {name} {{\n{''.join(_chain(hook, drop) for hook in hooks)}}}\n"
        for family, hooks in HOOKS.items()
    )


def _chain(hook: str, rules: str) -> str:
    return f"  chain {hook} {{\n    type filter hook {hook} priority 0;\n{rules}  }}\n"


def _mend(place: Place, name: str) -> None:
    # declared first, so that deleting succeeds where the cut was never made
    commands = "".join(f"table {family} {name}\ndelete table {family} {name}\n" for family in HOOKS)
    in_machine(place, ["nft", "-f", "-"], given=commands)
