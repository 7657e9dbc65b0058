"""Serving metrics by HTTP."""

from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

REGISTRY: Final = web.AppKey("registry", CollectorRegistry)


def registry(*collectors: Collector) -> CollectorRegistry:
    """Return a registry with these and the metrics of this process."""
    made = CollectorRegistry()
    for collector in collectors:
        made.register(collector)
    ProcessCollector(registry=made)
    return made


async def metrics(request: web.Request) -> web.Response:
    """Answer a scrape."""
    body = generate_latest(request.app[REGISTRY])
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})
