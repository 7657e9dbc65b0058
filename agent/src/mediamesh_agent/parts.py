"""Ending parts on purpose, from the page or the keyboard.

A part is named by connection and endpoint, never by pid, and only processes that this agent or its hub started
are ended: bridges, the hub itself, and applications that were started together with the agent. An
application that somebody else started may be made to attach again, but is never killed.
"""

import os
import signal
from typing import Final

from mediamesh_agent.errors import PartNotOurs, PartUnknown
from mediamesh_agent.ledger import Key
from mediamesh_agent.local import LocalAgent
from mediamesh_agent.picture import Part

HUB: Final[Key] = ("", "")


def actions(agent: LocalAgent, part: Part) -> list[str]:
    """Return what may be done to a part now."""
    ours = part.kind == "bridge" or (part.connection, part.endpoint) in agent.local_parts
    return ["kill"] * ours + ["restart"] * (ours or part.attachments > 0)


def kill(agent: LocalAgent, key: Key) -> None:
    """SIGKILL the part's process; its supervisor starts it again.

    Raises
    ------
    PartUnknown
        The plan has no such part.
    PartNotOurs
        The part does not run, or somebody else started it.
    """
    if key == HUB:
        if agent.hub is not None:
            agent.hub.kill()
        return
    _check_known(agent, key)
    local = agent.local_parts.get(key)
    if local is not None:
        local.kill()
    else:
        _kill_process(_bridge_pid(agent, key))


async def restart(agent: LocalAgent, key: Key) -> None:
    """End the part politely; it comes back. Applications attach again. For the hub: hand over to a successor."""
    if key == HUB:
        await agent.upgrade()
        return
    _check_known(agent, key)
    local = agent.local_parts.get(key)
    if local is not None:
        local.restart()
    else:
        await agent.control.restart(*key)


def _check_known(agent: LocalAgent, key: Key) -> None:
    if agent.picture().part(*key) is None:
        raise PartUnknown(f"the plan has no endpoint {key[1]!r} in connection {key[0]!r}")


def _bridge_pid(agent: LocalAgent, key: Key) -> int:
    bridges = agent.facts.observed.bridges if agent.facts.observed else []
    pid = next((bridge.pid for bridge in bridges if (bridge.connection, bridge.endpoint) == key and bridge.pid), 0)
    if not pid:
        raise PartNotOurs(f"{key[1]} of {key[0]} is not a running process of this agent")
    return pid


def _kill_process(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError as error:
        raise PartNotOurs(f"process {pid} has just ended") from error
