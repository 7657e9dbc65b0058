"""What it costs the operator to plan a large cluster, and whether the cost grows with its size alone.

Each connection is a video with a source pod and four sink pods, all selected by two labels, in one of 50 namespaces.
The kinds are parsed before, as the operator does when an object changes; a plan is made anew each time. Half of the
cluster is planned in turns with it: were the work more than linear, the whole would cost more than twice as much. A
plan is one thread that waits for nothing, so its time is the CPU time of the thread.
"""

import statistics
import time
from collections.abc import Callable

from bench.calm import Calm
from bench.outcome import Outcome
from bench.turns import in_turns, spread
from mediamesh_core.kinds import MediaConnection
from mediamesh_core.planner import Node, Pod, plan

ROUNDS = 5
CONNECTIONS = 10_000
HALF = CONNECTIONS // 2
PODS = 5
NAMESPACES = 50
NODES = tuple(Node(f"node-{number}") for number in range(200))
MOST_TIMES = 2.6
"""Twice as much, and what larger dictionaries and caches that no longer fit may cost on top."""


def run(calm: Calm) -> Outcome:
    """Plan the whole and half of it in turns."""
    turns = {"whole": _planner(CONNECTIONS), "half": _planner(HALF)}
    return _judge(in_turns(ROUNDS, turns, calm))


def _planner(size: int) -> Callable[[], float]:
    connections = [_connection(number) for number in range(size)]
    pods = [pod for number in range(size) for pod in _pods(number)]

    def timed() -> float:
        started = time.thread_time()
        plan(connections, NODES, pods)
        return time.thread_time() - started

    return timed


def _connection(number: int) -> MediaConnection:
    ends = [{"pod": {"matchLabels": {"app": app, "feed": f"feed-{number}"}}} for app in ("camera", "wall")]
    video = {"width": 1920, "height": 1080, "frameRate": "60000/1001", "pixelFormat": "yuv422p10le"}
    return MediaConnection.model_validate(
        {
            "apiVersion": "mediamesh.io/v1alpha1",
            "kind": "MediaConnection",
            "metadata": {"name": f"feed-{number}", "namespace": _namespace(number)},
            "spec": {"payload": {"video": video}, "source": ends[0], "sinks": [{"name": "wall"} | ends[1]]},
        }
    )


def _pods(number: int) -> list[Pod]:
    return [
        Pod(
            uid=f"{number}-{place}",
            namespace=_namespace(number),
            node=NODES[number % len(NODES)].name,
            labels={"app": "wall" if place else "camera", "feed": f"feed-{number}", "tier": "live"},
            name=f"feed-{number}-{place}",
        )
        for place in range(PODS)
    ]


def _namespace(number: int) -> str:
    return f"studio-{number % NAMESPACES}"


def _judge(rounds: dict[str, list[float]]) -> Outcome:
    whole, half = (statistics.median(rounds[name]) for name in ("whole", "half"))
    return Outcome(
        value=round(whole, 3),
        unit="s",
        holds=whole <= 1 and whole / half <= MOST_TIMES,
        shown=f"{whole:.2f} s, {whole / half:.1f} times half of it",
        limit="Python objects: some for each connection and one for each endpoint",
        peer="5,000 connections",
        peer_value=round(half, 3),
        details={name: spread(times) for name, times in rounds.items()},
    )
