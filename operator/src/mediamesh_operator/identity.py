"""Who an agent is: what the API server says about its token, never what it says itself.

The token is the agent pod's projected one: issued for our audience, bound to the pod, and through it to the node.
The review tells all of that (`extra` of the user). What the token itself claims is only used to refuse, without
troubling the API server with what it would refuse as well, and for its end, which the review does not tell: by then
the signature has been checked by who made it.
"""

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from mediamesh_operator.errors import AgentRefused

MAX_TOKEN: Final = 16 * 1024
_NODE = "authentication.kubernetes.io/node-name"
_POD_NAME = "authentication.kubernetes.io/pod-name"
_POD_UID = "authentication.kubernetes.io/pod-uid"
_FAR = 2**40  # seconds: no token lives as long


class Reviewer(Protocol):
    """Says whose a token is."""

    async def review(self, token: str, audience: str) -> Mapping[str, Any]:
        """Return the `status` of a TokenReview."""


@dataclass(frozen=True, slots=True)
class AgentIdentity:
    """An agent's pod, and until when its token says so."""

    node: str
    pod_uid: str
    pod_name: str
    expires: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class AgentRule:
    """Which tokens are an agent's."""

    audience: str
    namespace: str
    service_account: str

    @property
    def user(self) -> str:
        """The name that the API server gives to the service account."""
        return f"system:serviceaccount:{self.namespace}:{self.service_account}"


async def identify(token: str, reviewer: Reviewer, rule: AgentRule, now: float) -> AgentIdentity:
    """Return whose token it is; `now` is seconds since the epoch.

    Raises
    ------
    AgentRefused
        TokenMissing, TokenInvalid, TokenExpired, WrongAudience, NotOurServiceAccount or TokenNotBound.
    ApiUnreachable
        The API server cannot be asked now.
    """
    if not token:
        raise AgentRefused("there is no `authorization: Bearer` in the metadata", reason="TokenMissing")
    claims = _claims(token)
    _check_claims(claims, rule, now)
    status = await reviewer.review(token, rule.audience)
    if not status.get("authenticated"):
        raise AgentRefused("the API server does not accept the token", reason="TokenInvalid")
    if rule.audience not in (status.get("audiences") or ()):
        raise AgentRefused(f"the token is not for the audience {rule.audience}", reason="WrongAudience")
    return _identity(status.get("user") or {}, claims, rule)


def _identity(user: Mapping[str, Any], claims: Mapping[str, Any], rule: AgentRule) -> AgentIdentity:
    _check_user(user.get("username"), rule)
    extra = user.get("extra") or {}
    node, uid, pod = (next(iter(extra.get(key) or ()), "") for key in (_NODE, _POD_UID, _POD_NAME))
    if not node or not uid:
        raise AgentRefused("the token is not bound to a pod on a node", reason="TokenNotBound")
    return AgentIdentity(node, uid, pod, _number(claims.get("exp")))


def _check_claims(claims: Mapping[str, Any], rule: AgentRule, now: float) -> None:
    """Refuse what cannot become true by a review: it costs no request, and says exactly what is wrong."""
    if _number(claims.get("exp")) <= now:
        raise AgentRefused("the token has expired", reason="TokenExpired")
    audiences = claims.get("aud")
    if rule.audience not in (audiences if isinstance(audiences, list) else [audiences]):
        raise AgentRefused(f"the token is not for the audience {rule.audience}", reason="WrongAudience")
    _check_user(claims.get("sub"), rule)


def _check_user(user: object, rule: AgentRule) -> None:
    if user != rule.user:
        raise AgentRefused(f"the token is {str(user)[:200]}'s, not {rule.user}'s", reason="NotOurServiceAccount")


def _claims(token: str) -> Mapping[str, Any]:
    """Return what a token claims."""
    parts = token.split(".")
    try:
        claims = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))) if len(parts) == 3 else None
    except (ValueError, RecursionError):
        claims = None
    if not isinstance(claims, dict) or len(token) > MAX_TOKEN:
        raise AgentRefused("what was sent is no service-account token", reason="TokenInvalid")
    return claims


def _number(value: object) -> float:
    """Return a time as it stands in a token; 0, long ago, for anything that is none."""
    return float(value) if isinstance(value, int | float) and 0 < value < _FAR else 0.0
