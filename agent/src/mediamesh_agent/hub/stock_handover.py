"""What a successor is told of a stock peer's rings: every region and every eventfd, its own or the peer's.

The link is up, so nothing of the handshake is left that matters, and the secret is not asked again. What is in the
rings is the engine's to describe. The successor asks the peer's memory nothing that it could answer otherwise than when
it was let in: a peer that ruins its memory meanwhile ends itself, and cannot keep a node from being upgraded.
"""

from collections.abc import Callable, Sequence

from mediamesh_native.stockrings import StockRings
from mediamesh_protos import handover_pb2


def describe(rings: StockRings, place: Callable[[int], int], *, shared: bool, lent: int) -> handover_pb2.HandoverStock:
    """Describe rings; `place` takes a descriptor and returns its place among those that are passed."""
    steady = rings.steady or [False] * len(rings.regions)
    return handover_pb2.HandoverStock(
        master=rings.master,
        shared=shared,
        stride=rings.stride,
        lent=lent,
        regions=[
            handover_pb2.HandoverRegion(memory=place(fd), size=size, steady=one)
            for (fd, size), one in zip(rings.regions, steady, strict=True)
        ],
        rings=[
            handover_pb2.HandoverRing(s2m=s2m, index=index, region=region, offset=offset, log2=log2, event=place(event))
            for s2m, index, region, offset, log2, event in rings.rings
        ],
    )


def rebuild(described: handover_pb2.HandoverStock, role: str, fds: Sequence[int]) -> StockRings:
    """Return the rings that `describe` told of; they are `lost` if the peer's memory can no longer be mapped."""
    return StockRings.inherit(
        [(fds[region.memory], region.size) for region in described.regions],
        [(ring.s2m, ring.index, ring.region, ring.offset, ring.log2, fds[ring.event]) for ring in described.rings],
        master=described.master,
        media_s2m=(role == "source") == described.master,
        steady=[region.steady for region in described.regions],
        stride=described.stride,
    )
