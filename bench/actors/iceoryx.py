"""The peer of the latency cases: iceoryx2, zero-copy publish and subscribe, woken by its event service.

Nothing here is slower than it must be from Python: slices are loaned uninitialised, the publisher knows the largest
size, samples are given back at once. The stamp is the one of our own frames.
"""

import ctypes
import time
from typing import Any, Self

import iceoryx2 as iox

from bench.actors.obey import obey
from bench.actors.pace import ticks
from bench.actors.stamp import STAMP

QUEUE = 4
BUSY_QUEUE = 256


class Service:
    """One pair of services: samples, and the event that says that there are some."""

    def __init__(self, node: Any, name: str, queue: int) -> None:
        def builder() -> Any:
            return node.service_builder(iox.ServiceName.new(name))

        samples = builder().publish_subscribe(iox.Slice[ctypes.c_uint8]).enable_safe_overflow(False)
        samples = samples.history_size(0).subscriber_max_buffer_size(queue).subscriber_max_borrowed_samples(2)
        self.samples = samples.open_or_create()
        self.event = builder().event().open_or_create()


class Iceoryx:
    """Publisher or subscriber of several services, one per size."""

    def __init__(self, role: str, prefix: str, sizes: list[int], queue: int = QUEUE) -> None:
        iox.set_log_level(iox.LogLevel.Error)
        config = iox.config.default()
        config.global_cfg.prefix = iox.FileName.new(prefix)  # of everything in shared memory, so that it can be swept
        self._node = iox.NodeBuilder.new().config(config).create(iox.ServiceType.Ipc)
        self._services = {size: Service(self._node, f"{prefix}{size}", queue) for size in sizes}
        ends = {"publisher": self._publishers, "subscriber": self._subscribers}
        self._ends = ends[role]()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.clear()
        self._services.clear()

    def _publishers(self) -> dict[int, tuple[Any, Any]]:
        return {
            size: (
                service.samples.publisher_builder().initial_max_slice_len(size).create(),
                service.event.notifier_builder().create(),
            )
            for size, service in self._services.items()
        }

    def _subscribers(self) -> dict[int, tuple[Any, Any]]:
        return {
            size: (service.samples.subscriber_builder().create(), service.event.listener_builder().create())
            for size, service in self._services.items()
        }

    def meet(self) -> None:
        """Publisher: connect to the subscribers that are there now."""
        for publisher, _ in self._ends.values():
            publisher.update_connections()

    def paced(self, size: int, count: int, rate: float) -> None:
        """Publish `count` samples, each followed by a notification."""
        publisher, notifier = self._ends[size]
        for number in ticks(count, rate):
            sample = publisher.loan_slice_uninit(size).assume_init()
            payload = (ctypes.c_char * STAMP.size).from_address(sample.payload_ptr)
            STAMP.pack_into(payload, 0, time.monotonic_ns(), number == count - 1)
            sample.send()
            notifier.notify()

    def follow(self, size: int) -> dict[str, Any]:
        """Receive until the last of the round; return the latencies in ns."""
        subscriber, listener = self._ends[size]
        last, latencies = 0, []
        while not last:
            listener.blocking_wait()
            while (sample := subscriber.receive()) is not None:
                now = time.monotonic_ns()
                sent, last = STAMP.unpack((ctypes.c_char * STAMP.size).from_address(sample.payload_ptr).raw)
                sample.delete()
                latencies.append(now - sent)
        return {"received": len(latencies), "latencies": latencies}

    def burst(self, size: int, count: int) -> float:
        """Publish without a pause or an event; blocks while the subscriber is behind. Return the seconds."""
        publisher, _ = self._ends[size]
        started = time.monotonic()
        for _ in range(count):
            publisher.loan_slice_uninit(size).assume_init().send()
        return time.monotonic() - started

    def take_burst(self, size: int, count: int) -> float:
        """Receive `count` samples by asking again and again; return the seconds between the first and the last."""
        subscriber, _ = self._ends[size]
        taken, started = 0, time.monotonic()
        while taken < count:
            sample = subscriber.receive()
            if sample is not None:
                if not taken:
                    started = time.monotonic()
                sample.delete()
                taken += 1
        return time.monotonic() - started


if __name__ == "__main__":
    obey(Iceoryx)
