"""Who comes to the operator with what is no token, or no longer one, or without TLS: a real API server is asked."""

import json
import socket
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from e2e_operators import Stage, stage
from mediamesh_testing.waiting import wait_until

from mediamesh_e2e.backends.backend import Backend
from mediamesh_e2e.cluster.cluster import Cluster
from mediamesh_e2e.pods import Pods

REFUSED = "mediamesh_operator_refused_total"


@pytest.fixture
def scene(cluster: Cluster, backend: Backend, pods: Pods, tmp_path: Path, python_image: str) -> Iterator[Stage]:
    """Give a namespace with an agent's pod; on a cluster of our own only, since kinds and nodes are everybody's."""
    del cluster
    yield stage(backend, pods, tmp_path, python_image)
    backend.kubectl("delete", "medianodes", "--all")


def claiming(token: str, **claims: object) -> str:
    """Return the token with other claims, and the signature of the true ones."""
    head, body, signature = token.split(".")
    told = {**json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4))), **claims}
    return ".".join((head, urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("="), signature))


@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        (lambda token: claiming(token, exp=1_700_000_000), "TokenExpired"),
        (lambda token: claiming(token, exp=4_000_000_000), "TokenInvalid"),
        (lambda _: "let-me-in", "TokenInvalid"),
        (lambda _: "", "TokenMissing"),
    ],
    ids=["expired", "altered", "none", "empty"],
)
def test_a_token_that_is_none_is_refused(scene: Stage, forge: Callable[[str], str], reason: str) -> None:
    agent = scene.agent(forge(scene.token()))
    with scene.operator("one") as operator, agent.running():
        wait_until(lambda: any(reason in refusal for refusal in agent.refusals), lambda: f"{reason}: {agent.refusals}")
        wait_until(lambda: operator.metric(REFUSED) >= 1, "the metric")
        assert reason in {line["reason"] for line in scene.said("one", "agent refused")}
        assert agent.plans == []


def test_plaintext_is_not_answered(scene: Stage) -> None:
    with scene.operator("one") as operator:
        scene.trusted()
        wait_until(operator.ready, "the operator")
        with socket.create_connection(("127.0.0.1", scene.port), timeout=30) as stranger:
            stranger.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            assert stranger.recv(1) == b""
        assert "Plaintext" in {line["reason"] for line in scene.said("one", "peer refused")}
        wait_until(lambda: operator.metric(REFUSED) >= 1, "the metric")
