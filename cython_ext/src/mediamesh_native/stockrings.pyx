# cython: language_level=3
"""Rings and memory of an attachment to a stock memif peer, in either role.

As *slave* the memory is ours: region 0 holds all rings, region 1 one buffer per ring position. As *master* it is the peer's: rings must
lie in steady memory (memif/fdcheck.py), since they are touched. Buffers elsewhere are left to the kernel, which fails where a load
or store would kill the hub: a source's are read by pread, which also costs nothing in holes; a sink's are mapped and written by
process_vm_writev, since huge pages know no pwrite.
"""

import errno as errno_codes
import fcntl
import os
import warnings

from libc.stdint cimport uint16_t
from libc.stdlib cimport calloc, free
from posix.mman cimport MAP_FAILED, MAP_SHARED, PROT_READ, PROT_WRITE, mmap, munmap

from mediamesh_native.layout cimport MM_COOKIE, MM_MASK_INT, mm_ring
from mediamesh_native.model cimport StockRegion, StockRing

from mediamesh_native import live
from mediamesh_native.memif.errors import DescriptorRefused
from mediamesh_native.memif.fdcheck import check_memory_fd

cdef extern from "<sys/mman.h>" nogil:
    int MAP_NORESERVE

_PAGE = 4096
_FIXED_SIZE = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


def _pages(size):
    return -(-size // _PAGE) * _PAGE


def _memory(name, size):
    fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(fd, size)
        os.posix_fallocate(fd, 0, size)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _FIXED_SIZE)
    except BaseException:
        os.close(fd)
        raise
    return fd


cdef class StockRings:
    """One attachment's rings: `regions` [(fd, size)] and `rings` [(is_s2m, index, region, offset, log2, eventfd)].

    Use `own` to make them as slave, `adopt` to take over what a slave announced, `inherit` to go on for another hub.
    """

    def __cinit__(self):
        self.closed = True
        self.regions, self.rings, self.mappings, self.owned = [], [], [], []

    @staticmethod
    def own(*, media_s2m, log2, rings=1, chunk=2048, buffers=True):
        """Make rings of 2**log2 positions: the hub is slave. `media_s2m`: our frames go out (a sink's rings)."""
        cdef StockRings self = StockRings()
        if not (0 < log2 <= 14 and 0 < rings <= 16 and 0 < chunk <= 65535):
            raise ValueError(f"log2 {log2}, rings {rings} or chunk {chunk} is out of range")
        ring_size = _pages(128 + (16 << log2))
        self.closed = False
        live.opened("rings")
        self.media_s2m = media_s2m
        self.stock.chunk = chunk
        self.stock.slot_stride = -(-chunk // 64) * 64
        try:
            self._prepare(rings)
            self._make_rings(rings, log2, ring_size)
            if buffers:
                self._make_buffers(_pages((rings << log2) * self.stock.slot_stride))
        except BaseException:
            self.close()
            raise
        return self

    def _make_rings(self, rings, log2, ring_size):
        self._add_region(_memory("mediamesh-stock-rings", 2 * rings * ring_size), 2 * rings * ring_size)
        base = <size_t> self._map(self.regions[0][0], self.regions[0][1])
        for index in range(rings):
            for is_s2m in (True, False):
                offset = (2 * index + (not is_s2m)) * ring_size
                self._make_ring(<char *> <size_t> base + <size_t> offset, is_s2m, index, offset, log2)

    def _make_buffers(self, size):
        if size >= 1 << 32:
            raise ValueError(f"{size} bytes of buffers do not fit in one region")
        self._add_region(_memory("mediamesh-stock-buffers", size), size)
        self.stock.buffers = self._map(self.regions[1][0], size)

    @staticmethod
    def adopt(regions, rings, *, media_s2m):
        """Take over regions and rings that a slave announced (descriptors included): the hub is master.

        Raises ValueError if a ring does not lie in its region or has no cookie, DescriptorRefused if a region is not what was
        announced, or holds a ring and is not steady.
        """
        cdef StockRings self = StockRings()
        self.closed = False
        live.opened("rings")
        self.media_s2m = media_s2m
        self.stock.master = True
        self.regions, self.rings = list(regions), list(rings)
        self.owned = [fd for fd, _ in regions] + [ring[5] for ring in rings]
        media = [ring for ring in rings if bool(ring[0]) == media_s2m]
        try:
            self._prepare(len(media))
            self._adopt_regions()
            for which, (_, _, region, offset, log2, event) in enumerate(media):
                self._adopt_ring(which, region, offset, log2, event)
        except BaseException:
            self.close()
            raise
        return self

    cdef _prepare(self, unsigned int count):
        if not count:
            raise ValueError("no ring for the media")
        self.stock.ring_count = count
        self.stock.rings = <StockRing *> calloc(count, sizeof(StockRing))
        if self.stock.rings == NULL:
            raise MemoryError

    def _add_region(self, fd, size):
        self.owned.append(fd)
        self.regions.append((fd, size))

    cdef char *_map(self, int fd, unsigned long long size) except NULL:
        cdef void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0)
        if base == MAP_FAILED:
            raise OSError(errno_codes.ENOMEM, "a region cannot be mapped")
        self.mappings.append((<size_t> base, size))
        return <char *> base

    cdef _place(self, unsigned int which, char *base, unsigned int log2, int event):
        self.stock.rings[which].ring = <mm_ring *> base
        self.stock.rings[which].mask = <uint16_t> ((1 << log2) - 1)
        self.stock.rings[which].event = event

    cdef _make_ring(self, char *base, bint is_s2m, index, offset, log2):
        cdef mm_ring *ring = <mm_ring *> base
        event = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.owned.append(event)
        self.rings.append((is_s2m, index, 0, offset, log2, event))
        ring.cookie = MM_COOKIE
        if is_s2m == self.media_s2m:
            self._place(index, base, log2, event)
        else:
            ring.flags = MM_MASK_INT

    @staticmethod
    def inherit(regions, rings, *, master, media_s2m, steady=(), stride=0):
        """Go on with what another hub had; descriptors included. `steady` for each region as master, `stride` as slave.

        The peer may have changed everything since it was let in, so nothing is asked again that it could answer otherwise
        now. If its memory can no longer be mapped, the rings are `lost`, and `Engine.thaw` ends their attachment.
        """
        cdef StockRings self = StockRings()
        self.closed = False
        live.opened("rings")
        self.media_s2m, self.stock.master, self.stock.slot_stride = media_s2m, master, stride
        self.regions, self.rings = list(regions), list(rings)
        self.owned = [fd for fd, _ in regions] + [ring[5] for ring in rings]
        try:
            self._map_again(steady)
        except OSError:
            self.close()
            self.lost = True
        except BaseException:
            self.close()
            raise
        return self

    def _map_again(self, steady):
        cdef char *base = NULL
        media = [ring for ring in self.rings if bool(ring[0]) == self.media_s2m]
        self._prepare(len(media))
        if self.stock.master:
            self._make_table(len(self.regions))
            for index, (fd, size) in enumerate(self.regions):
                self._take_region(index, fd, size, steady[index], os.fstatvfs(fd).f_bsize)
        else:
            base = self._map(self.regions[0][0], self.regions[0][1])
            if len(self.regions) > 1:
                self.stock.buffers = self._map(self.regions[1][0], self.regions[1][1])
        for which, (_, _, region, offset, log2, event) in enumerate(media):
            if self.stock.master:
                base = self.stock.regions[<unsigned int> region].base
            self._place(which, base + <size_t> offset, log2, event)

    @property
    def master(self):
        return bool(self.stock.master)

    @property
    def stride(self):
        """Bytes from one buffer to the next, as slave."""
        return self.stock.slot_stride

    @property
    def steady(self):
        """Of each of the peer's regions, whether it can be touched."""
        return [bool(self.stock.regions[index].steady) for index in range(self.stock.region_count)]

    cdef _make_table(self, unsigned int count):
        self.stock.regions = <StockRegion *> calloc(max(1, count), sizeof(StockRegion))
        if self.stock.regions == NULL:
            raise MemoryError
        self.stock.region_count = count

    cdef _take_region(self, unsigned int index, int fd, size, bint steady, page):
        self.stock.regions[index].fd = fd
        self.stock.regions[index].size = size
        self.stock.regions[index].steady = steady
        if steady or not self.media_s2m:
            self.stock.regions[index].base = self._map(fd, -(-size // page) * page)

    def _adopt_regions(self):
        self._make_table(len(self.regions))
        for index, (fd, size) in enumerate(self.regions):
            memory = check_memory_fd(fd, size)
            self._take_region(index, fd, size, memory.steady, memory.page)

    def _adopt_ring(self, which, region, offset, log2, event):
        cdef char *base
        if region >= len(self.regions) or offset % 64 or offset + 128 + (16 << log2) > self.regions[region][1]:
            raise ValueError(f"ring {which} does not lie in region {region}")
        if not self.stock.regions[<unsigned int> region].steady:
            text = f"region {region} holds a ring, and can neither be sealed against shrinking nor is it"
            raise DescriptorRefused("RegionNotSealed", text)
        base = self.stock.regions[<unsigned int> region].base
        if (<mm_ring *> (base + <size_t> offset)).cookie != MM_COOKIE:
            raise ValueError(f"ring {which} has no memif cookie")
        self._place(which, base + <size_t> offset, log2, event)

    def close(self):
        """Unmap everything and close every descriptor."""
        if self.closed:
            return
        self.closed = True
        for base, size in self.mappings:
            munmap(<void *> <size_t> base, size)
        for fd in self.owned:
            os.close(fd)
        free(self.stock.rings)
        free(self.stock.regions)
        free(self.stock.slot_of)
        free(self.stock.fifo)
        self.stock.rings, self.stock.regions, self.stock.slot_of, self.stock.fifo = NULL, NULL, NULL, NULL
        self.stock.ring_count = self.stock.region_count = 0
        live.closed("rings")

    def __dealloc__(self):
        if not self.closed:
            self.close()
            warnings.warn("stock rings were dropped open", ResourceWarning)
