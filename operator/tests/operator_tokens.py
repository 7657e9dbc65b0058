"""Tokens as an API server projects them, and who reviews them: keys and time are the test's own."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mediamesh_operator.errors import OperatorError
from mediamesh_operator.identity import AgentRule

RULE = AgentRule("mediamesh-operator", "media", "mediamesh-node")
FAR = 4_000_000_000.0


def token(**claims: Any) -> str:
    """Return a token with these claims beside those that an agent's has."""
    said = {"aud": [RULE.audience], "sub": RULE.user, "exp": FAR} | claims
    parts = ({"alg": "ES256"}, {name: value for name, value in said.items() if value is not None})
    head, body = (urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return f"{head}.{body}.c2lnbmF0dXJl"


def approval(node: str = "node-a", uid: str = "uid-1", pod: str = "agent-1", **changed: Any) -> dict[str, Any]:
    """Return the status of a review that approves of an agent's token."""
    extra = {
        "authentication.kubernetes.io/node-name": [node],
        "authentication.kubernetes.io/pod-uid": [uid],
        "authentication.kubernetes.io/pod-name": [pod],
    }
    user = {"username": RULE.user, "extra": {key: value for key, value in extra.items() if value != [""]}}
    return {"authenticated": True, "audiences": [RULE.audience], "user": user} | changed


@dataclass(slots=True)
class Reviewers:
    """Says of each token what it was told to; of others that they are not authentic."""

    known: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    down: OperatorError | None = None
    asked: list[str] = field(default_factory=list)

    async def review(self, token: str, audience: str) -> Mapping[str, Any]:
        assert audience == RULE.audience
        self.asked.append(token)
        if self.down is not None:
            raise self.down
        return self.known.get(token, {"authenticated": False})

    def issue(self, node: str = "node-a", uid: str = "uid-1", **claims: Any) -> str:
        """Return a token that is approved of as that of a node's agent."""
        made = token(jti=len(self.known), **claims)
        self.known[made] = approval(node, uid, f"agent-{uid}")
        return made
