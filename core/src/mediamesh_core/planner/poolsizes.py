"""How many frames a pool has, so that nobody can ever starve anybody.

    frames = 1 (the newest) + what the source may have + the sum over sinks of queue * attachments

A frame is a header page and the payload, in whole pages. A pool is one memory
region whose offsets memif carries in 32 bits, so it ends before 4 GiB.
"""

from mediamesh_core.errors import UserError
from mediamesh_core.kinds.connection import MediaConnection, Sink

PAGE = 4096
HUGE_PAGE = 2 << 20
MAX_POOL = 1 << 32
_SOURCE_QUEUE = 4
_SOURCE_QUEUE_BYTES = 1 << 20
_LONGEST_SOURCE_QUEUE = 256


def frame_stride(capacity: int) -> int:
    """Return the bytes from one frame of a pool to the next: a header page and the payload in whole pages."""
    return PAGE + -(-capacity // PAGE) * PAGE


def source_queue(capacity: int) -> int:
    """Return how many frames a source may have in hand: four, or a MiB's worth of small ones, at most 256.

    Small frames come often; their source must not stop each time that it is not answered at once.
    """
    return max(_SOURCE_QUEUE, min(_LONGEST_SOURCE_QUEUE, _SOURCE_QUEUE_BYTES // frame_stride(capacity)))


def check_pool(connection: MediaConnection, capacity: int, queue: int) -> int:
    """Return the number of frames for the connection's pool.

    Raises
    ------
    UserError
        `pool.frames` is less than what source and sinks can hold, or the pool would not fit below 4 GiB.
    """
    sinks, wanted = connection.spec.sinks, connection.spec.pool.frames
    least = 1 + queue + sum(_held(sink) for sink in sinks)
    frames = least if wanted is None else wanted
    if frames < least:
        fix = f"raise it to {least} or leave it out, or lower the queue or maxAttachments of a sink"
        raise UserError(
            "PoolTooSmall", f"{_place(connection)}: {frames} is less than {_sum(queue, sinks)} = {least}; {fix}"
        )
    if not _fits(frames, frame_stride(capacity), huge=connection.spec.pool.huge_pages):
        raise UserError("PoolTooLarge", _too_large(connection, frames, least, capacity, queue))
    return frames


def _held(sink: Sink) -> int:
    return sink.delivery.queue * sink.attachments


def _fits(frames: int, stride: int, *, huge: bool) -> bool:
    unit = HUGE_PAGE if huge else PAGE
    return -(-stride * frames // unit) * unit <= MAX_POOL - stride


def _too_large(connection: MediaConnection, frames: int, least: int, capacity: int, queue: int) -> str:
    stride, sinks = frame_stride(capacity), connection.spec.sinks
    size = f"{frames} frames of {stride} bytes are {frames * stride / 2**30:.2f} GiB, a pool has less than 4"
    if frames > least:
        return f"{_place(connection)}: {size}; lower it to {MAX_POOL // stride - 2} or leave it out"
    largest = max(sinks, key=_held, default=None)
    fix = "lower spec.source.queue"
    if largest is not None and _held(largest) > queue:
        part = "maxAttachments" if largest.attachments > 1 else "delivery.queue"
        fix = f"lower {part} of sink {largest.name} first"
    return f"{connection.full_name}: {size}; they are {_sum(queue, sinks)}; {fix}"


def _place(connection: MediaConnection) -> str:
    return f"{connection.full_name}: spec.pool.frames"


def _sum(queue: int, sinks: tuple[Sink, ...]) -> str:
    parts = [f"{sink.delivery.queue} x {sink.attachments} ({sink.name})" for sink in sinks]
    return " + ".join(["1 (newest)", f"{queue} (source)", *parts])
