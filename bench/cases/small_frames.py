"""How many small frames a second go through the hub: by native loops, and by Python."""

import statistics

from bench.actor import Actor, company
from bench.calm import Calm
from bench.mesh import Flow, Mesh
from bench.outcome import Outcome
from bench.sharedmemory import own_prefix
from bench.turns import in_turns, spread

LENGTH = 1000
NATIVE_FRAMES = 3_000_000
PYTHON_FRAMES = 200_000
ROUNDS = 5
QUEUE = 256
SMALL = Flow("small", LENGTH, queue=QUEUE, policy="block")


def run(calm: Calm) -> Outcome:
    """One lossless flow; source, hub and sink have no pause. iceoryx2 in Python polls, without its events."""
    with own_prefix() as prefix, Mesh(SMALL) as mesh:
        where = {"root": mesh.folder, "connections": [SMALL.name]}
        source, sink = Actor("mesh_source", where), Actor("mesh_sink", where)
        peer = {"prefix": prefix, "sizes": [LENGTH], "queue": QUEUE}
        publisher = Actor("iceoryx", {"role": "publisher", **peer})
        subscriber = Actor("iceoryx", {"role": "subscriber", **peer})
        with company(source, sink, publisher, subscriber):
            publisher.ask("meet")
            _python(source, sink)  # brings the pool to the sink: native loops do not look at the socket
            contestants = {
                "native": lambda: _native(source, sink),
                "python": lambda: _python(source, sink),
                "iceoryx2": lambda: _iceoryx(publisher, subscriber),
            }
            return _judge(in_turns(ROUNDS, contestants, calm))


def _native(source: Actor, sink: Actor) -> float:
    sink.begin("drained", connection=SMALL.name, count=NATIVE_FRAMES)
    source.ask("pumped", connection=SMALL.name, count=NATIVE_FRAMES, length=LENGTH)
    return NATIVE_FRAMES / float(sink.result())


def _python(source: Actor, sink: Actor) -> float:
    sink.begin("burst", connection=SMALL.name, count=PYTHON_FRAMES)
    source.ask("burst", connection=SMALL.name, count=PYTHON_FRAMES, length=LENGTH)
    return PYTHON_FRAMES / float(sink.result())


def _iceoryx(publisher: Actor, subscriber: Actor) -> float:
    subscriber.begin("take_burst", size=LENGTH, count=PYTHON_FRAMES)
    publisher.ask("burst", size=LENGTH, count=PYTHON_FRAMES)
    return PYTHON_FRAMES / float(subscriber.result())


def _judge(rounds: dict[str, list[float]]) -> Outcome:
    native, python, peer = (statistics.median(rounds[name]) for name in ("native", "python", "iceoryx2"))
    return Outcome(
        value=round(native / 1e6, 3),
        unit="million/s",
        holds=native >= 2e6 and python >= 150_000,
        shown=f"{native / 1e6:.2f} million/s native, {python / 1e3:.0f} thousand/s in Python",
        limit="Native: three processes and two CPUs to share; Python: the interpreter's work per frame",
        peer="iceoryx2 from Python, polling",
        peer_value=round(peer / 1e6, 3),
        details={name: spread(values, 0) for name, values in rounds.items()} | {"queue": QUEUE, "length": LENGTH},
    )
