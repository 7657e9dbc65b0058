"""Rings and memory of an attachment to a stock memif peer, in either role."""

from collections.abc import Sequence

class StockRings:
    """As slave (`own`): region 0 holds rings, region 1 buffers. As master (`adopt`): what the peer announced."""

    regions: list[tuple[int, int]]  # (fd, size)
    rings: list[tuple[bool, int, int, int, int, int]]  # (is_s2m, index, region, offset, log2, eventfd)
    media_s2m: bool
    closed: bool
    lost: bool
    @staticmethod
    def own(*, media_s2m: bool, log2: int, rings: int = 1, chunk: int = 2048, buffers: bool = True) -> StockRings: ...
    @staticmethod
    def adopt(
        regions: list[tuple[int, int]], rings: list[tuple[bool, int, int, int, int, int]], *, media_s2m: bool
    ) -> StockRings:
        """Takes over the descriptors. ValueError: ring outside its region, no cookie. DescriptorRefused: not steady."""
    @staticmethod
    def inherit(
        regions: list[tuple[int, int]],
        rings: list[tuple[bool, int, int, int, int, int]],
        *,
        master: bool,
        media_s2m: bool,
        steady: Sequence[bool] = (),
        stride: int = 0,
    ) -> StockRings:
        """Go on with the rings of another hub; `lost` if their memory can no longer be mapped."""
    @property
    def master(self) -> bool:
        """Whether the peer owns the memory."""
    @property
    def stride(self) -> int:
        """Bytes from one buffer to the next, as slave."""
    @property
    def steady(self) -> list[bool]:
        """Of each of the peer's regions, whether it can be touched."""
    def close(self) -> None: ...
