import asyncio
import io
import json
import logging
import sys

import aiohttp
import pytest

from mediamesh_core.monitoring import OPERATOR_METRICS
from mediamesh_operator import health, logs
from mediamesh_operator.errors import PortTaken
from mediamesh_operator.metrics import Metrics, Picture


async def ask(port: int, path: str, host: str = "127.0.0.1") -> tuple[int, str]:
    async with aiohttp.ClientSession() as client, client.get(f"http://{host}:{port}{path}") as answer:
        return answer.status, await answer.text()


def test_alive_is_whoever_answers_and_ready_is_who_says_so() -> None:
    async def scene() -> None:
        why = ["the API server does not answer"]
        async with health.serving(("127.0.0.1", 0), lambda: why[0], Metrics().registry) as port:
            assert await ask(port, "/healthz") == (200, "ok\n")
            assert await ask(port, "/readyz") == (503, "the API server does not answer\n")
            why[0] = ""
            assert await ask(port, "/readyz") == (200, "ok\n")
            assert (await ask(port, "/other"))[0] == 404

    asyncio.run(scene())


def test_kubelet_and_prometheus_are_answered_by_ipv4_and_by_ipv6() -> None:
    async def scene() -> None:
        async with health.serving(("::", 0), str, Metrics().registry) as port:
            assert await ask(port, "/healthz", "127.0.0.1") == await ask(port, "/healthz", "[::1]") == (200, "ok\n")

    asyncio.run(scene())


def test_metrics_say_what_is_at_that_moment() -> None:
    async def scene() -> None:
        metrics, agents = Metrics(), [0]
        conditions = [("studio", "cam1", "Ready", "True")]
        metrics.show(lambda: Picture(leader=True, agents=agents[0], conditions=conditions))
        metrics.refused.labels("TokenExpired").inc()
        async with health.serving(("127.0.0.1", 0), str, metrics.registry) as port:
            agents[0] = 3
            _, text = await ask(port, "/metrics")
        assert "mediamesh_operator_leader 1.0" in text
        assert "mediamesh_operator_agents_connected 3.0" in text
        assert 'mediamesh_operator_refused_total{reason="TokenExpired"} 1.0' in text
        labels = '{condition="Ready",name="cam1",namespace="studio",status="True"}'
        assert f"mediamesh_connection_status_condition{labels} 1.0" in text

    asyncio.run(scene())


def test_what_is_defined_is_exported_and_the_reverse() -> None:
    metrics = Metrics()
    conditions = [("studio", "cam1", "Ready", "True")]
    metrics.show(lambda: Picture(leader=True, certificate_ends=1e9, conditions=conditions))
    metrics.refused.labels("TokenExpired").inc()
    metrics.writes.labels("MediaNode", "written").inc()
    families = {family.name: family for family in metrics.registry.collect()}
    ours = {name: family for name, family in families.items() if name.startswith("mediamesh_")}
    defined = {metric.name.removesuffix("_total"): metric for metric in OPERATOR_METRICS}
    assert ours.keys() == defined.keys()
    for name, family in ours.items():
        assert (family.type, family.documentation) == (defined[name].kind, defined[name].help)
        labels = {frozenset(sample.labels) - {"le"} for sample in family.samples}
        assert labels == {frozenset(defined[name].labels)}


def test_without_a_certificate_its_end_is_not_told() -> None:
    metrics = Metrics()
    metrics.show(Picture)
    assert metrics.registry.get_sample_value("mediamesh_operator_certificate_end_timestamp_seconds") is None
    assert metrics.registry.get_sample_value("mediamesh_operator_leader") == 0


def test_a_port_that_is_taken_is_told_plainly() -> None:
    async def scene() -> None:
        async with health.serving(("127.0.0.1", 0), str, Metrics().registry) as port:
            with pytest.raises(PortTaken, match="in use"):
                async with health.serving(("127.0.0.1", port), str, Metrics().registry):
                    pass

    asyncio.run(scene())


def test_a_line_of_the_log_is_an_object(monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    try:
        logs.configure("info")
        logging.getLogger("mediamesh_operator.x").warning("peer refused", extra={"reason": "Plaintext"})
        logging.getLogger("mediamesh_operator.x").debug("not said")
        logging.getLogger("kopf.objects").info("not said")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    (line,) = written.getvalue().splitlines()
    said = json.loads(line)
    assert (said["level"], said["message"], said["reason"]) == ("WARNING", "peer refused", "Plaintext")
    assert said["time"]
