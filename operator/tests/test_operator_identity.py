import asyncio
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_tokens import FAR, RULE, Reviewers, approval, token

from mediamesh_operator.errors import AgentRefused, ApiUnreachable
from mediamesh_operator.identity import MAX_TOKEN, AgentIdentity, identify

NOW = 1_800_000_000.0


def ask(shown: str, review: dict[str, Any] | None = None) -> AgentIdentity:
    reviewers = Reviewers({shown: review} if review is not None else {})
    return asyncio.run(identify(shown, reviewers, RULE, NOW))


def test_an_agent_is_who_the_review_says() -> None:
    shown = token(**{"kubernetes.io": {"node": {"name": "a-lie"}}})
    assert ask(shown, approval()) == AgentIdentity("node-a", "uid-1", "agent-1", FAR)


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": NOW}, "TokenExpired"),
        ({"exp": None}, "TokenExpired"),
        ({"exp": "soon"}, "TokenExpired"),
        ({"exp": 10**400}, "TokenExpired"),
        ({"exp": float("nan")}, "TokenExpired"),
        ({"aud": ["other"]}, "WrongAudience"),
        ({"aud": "other"}, "WrongAudience"),
        ({"aud": None}, "WrongAudience"),
        ({"sub": "system:serviceaccount:media:default"}, "NotOurServiceAccount"),
        ({"sub": "system:serviceaccount:other:mediamesh-node"}, "NotOurServiceAccount"),
        ({"sub": ["x"]}, "NotOurServiceAccount"),
    ],
)
def test_what_a_token_claims_against_itself_is_believed_without_asking(claims: dict[str, Any], reason: str) -> None:
    reviewers = Reviewers()
    with pytest.raises(AgentRefused) as refused:
        asyncio.run(identify(token(**claims), reviewers, RULE, NOW))
    assert refused.value.reason == reason
    assert reviewers.asked == []


@pytest.mark.parametrize(
    ("review", "reason"),
    [
        ({}, "TokenInvalid"),
        ({"authenticated": False, "error": "signature"}, "TokenInvalid"),
        (approval(audiences=["other"]), "WrongAudience"),
        (approval(audiences=None), "WrongAudience"),
        (approval(user={"username": "system:admin"}), "NotOurServiceAccount"),
        (approval(user=None), "NotOurServiceAccount"),
        (approval(node=""), "TokenNotBound"),
        (approval(uid=""), "TokenNotBound"),
        (approval(user={"username": RULE.user, "extra": None}), "TokenNotBound"),
    ],
)
def test_what_the_review_says_decides(review: dict[str, Any], reason: str) -> None:
    with pytest.raises(AgentRefused) as refused:
        ask(token(), review)
    assert refused.value.reason == reason


def test_an_audience_may_stand_alone() -> None:
    assert ask(token(aud=RULE.audience), approval()).node == "node-a"


def test_an_api_server_that_is_away_is_not_the_agents_fault() -> None:
    reviewers = Reviewers(down=ApiUnreachable("restarting"))
    with pytest.raises(ApiUnreachable):
        asyncio.run(identify(token(), reviewers, RULE, NOW))


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        ("", "TokenMissing"),
        ("word", "TokenInvalid"),
        ("a.b.c", "TokenInvalid"),
        ("a.b.c.d", "TokenInvalid"),
        ("a." + urlsafe_b64encode(b"[1]").decode() + ".c", "TokenInvalid"),
        ("a." + urlsafe_b64encode(b"[" * 3000).decode() + ".c", "TokenInvalid"),
        ("a." + urlsafe_b64encode(b'{"exp":' + b"9" * 5000 + b"}").decode() + ".c", "TokenInvalid"),
        ("\ud800.\ud800.x", "TokenInvalid"),
        (token(filler="x" * MAX_TOKEN), "TokenInvalid"),
    ],
)
def test_what_is_no_token_is_refused(shown: str, reason: str) -> None:
    with pytest.raises(AgentRefused) as refused:
        ask(shown, approval())
    assert refused.value.reason == reason


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: f"a.{urlsafe_b64encode(raw).decode()}.c"))
def test_nothing_that_is_sent_as_a_token_is_an_error_of_ours(shown: str) -> None:
    with pytest.raises(AgentRefused):
        ask(shown, {"authenticated": False})
