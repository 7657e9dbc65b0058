"""Rings and memory of an attachment to a stock memif peer, in either role."""

class StockRings:
    """As slave (`own`): region 0 holds rings, region 1 buffers. As master (`adopt`): what the peer announced."""

    regions: list[tuple[int, int]]  # (fd, size)
    rings: list[tuple[bool, int, int, int, int, int]]  # (is_s2m, index, region, offset, log2, eventfd)
    media_s2m: bool
    closed: bool
    @staticmethod
    def own(*, media_s2m: bool, log2: int, rings: int = 1, chunk: int = 2048, buffers: bool = True) -> StockRings: ...
    @staticmethod
    def adopt(
        regions: list[tuple[int, int]], rings: list[tuple[bool, int, int, int, int, int]], *, media_s2m: bool
    ) -> StockRings:
        """Takes over the descriptors. ValueError: ring outside its region, no cookie. DescriptorRefused: not steady."""
    def close(self) -> None: ...
