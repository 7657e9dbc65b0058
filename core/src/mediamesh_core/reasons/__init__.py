"""Every reason that a person can meet, once: what it means and what to do.

Conditions, endpoint states, logs, metrics and exceptions carry the word; `kubectl mediamesh trace` gives the advice,
and `python -m mediamesh_core.reasons` prints the page that is kept as docs/operations/reasons.md. A test holds the
words against those that the code can say.
"""

from mediamesh_core.reasons.connections import ACCEPTED, ENDPOINTS, NODES, PROGRAMMED, READY
from mediamesh_core.reasons.peers import AGENTS, ATTACHMENTS, HUB
from mediamesh_core.reasons.reason import Chapter, Reason

CHAPTERS = (ACCEPTED, PROGRAMMED, READY, ENDPOINTS, NODES, AGENTS, HUB, ATTACHMENTS)

__all__ = [
    "ACCEPTED",
    "AGENTS",
    "ATTACHMENTS",
    "CHAPTERS",
    "ENDPOINTS",
    "HUB",
    "NODES",
    "PROGRAMMED",
    "READY",
    "Chapter",
    "Reason",
]
