# cython: language_level=3
"""What a source and a sink share in the client's process: mapped rings and pools, and closing them.

How it sleeps is told in sleeper.pyx. Every method but `wait` runs with the GIL held from beginning to end, so a port may be shared.
"""

import os
import warnings

cimport cython
from libc.stdint cimport uint16_t, uint32_t, uint64_t
from posix.mman cimport MAP_FAILED, MAP_SHARED, PROT_READ, PROT_WRITE, mmap, munmap

from mediamesh_native.layout cimport MM_COOKIE, MM_HEADER_SIZE, mm_desc, mm_extension, mm_ring, ring_info
from mediamesh_native.sleeper cimport Sleeper

from mediamesh_native import live

cdef extern from "<errno.h>" nogil:
    int errno

cdef extern from * nogil:
    """
    #include <sys/mman.h>
    #ifndef MADV_POPULATE_READ
    #define MADV_POPULATE_READ 22
    #endif
    """
    const int MADV_POPULATE_READ
    int madvise(void *base, size_t size, int advice)

cdef enum:
    KNOWN = 8


cdef class Mapping:
    """A pool in this process; lives until the port and the last frame from it have let go."""


    def __cinit__(self, int fd, uint64_t size, uint64_t stride, bint writable):
        cdef void *base
        if os.fstat(fd).st_size < size:
            raise ValueError("a region is smaller than announced")
        base = mmap(NULL, size, PROT_READ | (PROT_WRITE if writable else 0), MAP_SHARED, fd, 0)
        if base == MAP_FAILED:
            raise OSError(errno, os.strerror(errno))
        self.base, self.size, self.stride, self.writable = <char *> base, size, stride, writable
        self.populated = bytearray(size // stride)
        live.opened("mapping")

    cdef char *frame(self, uint32_t offset, uint32_t length) noexcept:
        """The frame's address; NULL if it is not a frame of this pool.

        Who writes gets its pages in place. Who reads faults them in by sixteen, which costs no more, and only those it looks at:
        many sinks that map whole pictures at once would make the first frames late.
        """
        cdef uint64_t index = offset // self.stride
        cdef unsigned char *populated = self.populated
        if offset % self.stride or length > self.stride or index * self.stride + self.stride > self.size:
            return NULL
        if self.writable and not populated[index]:
            # Faulting page by page costs several times as much; an older kernel refuses this, and faults. Pages of a shared
            # memfd that are mapped for reading can be written as well, and it is for reading that many are mapped at once.
            populated[index] = 1
            madvise(self.base + offset, self.stride, MADV_POPULATE_READ)
        return self.base + offset

    def __dealloc__(self):
        if self.base != NULL:
            munmap(self.base, self.size)
            live.closed("mapping")


@cython.no_gc_clear  # its frames need it until they are back
cdef class Port(Sleeper):
    """What both roles share: rings, regions, closing."""

    def __init__(
        self, *, socket, rings, rings_size, s2m_offset, s2m_log2, s2m_event, m2s_offset, m2s_log2, m2s_event,
        header_size, capacity, frame_class=None,
    ):
        if header_size < MM_HEADER_SIZE or header_size % 4096 or not capacity:
            raise ValueError(f"header size {header_size} or capacity {capacity} is not one of ours")
        self.header_size, self.capacity = header_size, capacity
        self.stride = header_size + -(-capacity // 4096) * 4096
        self.regions, self.newest = [None] * 256, []
        self.frame_class = frame_class or self._default_frame()
        self._map_rings(rings, rings_size, s2m_offset, s2m_log2, m2s_offset, m2s_log2)
        try:
            self._watch_descriptors(socket, s2m_event)
        except BaseException:
            munmap(self.rings, self.rings_size)
            raise
        self.s2m_event, self.m2s_event = s2m_event, m2s_event
        self.closed = False
        live.opened("port")

    def _map_rings(self, fd, size, s2m_offset, s2m_log2, m2s_offset, m2s_log2):
        cdef void *base
        extension = m2s_offset + -(-(128 + (16 << m2s_log2)) // 4096) * 4096
        if min(s2m_log2, m2s_log2, s2m_offset, m2s_offset) < 0 or max(s2m_log2, m2s_log2) > 14 or s2m_offset + 128 + (32 << s2m_log2) > m2s_offset or extension + 4096 > size:
            raise ValueError("the rings do not lie in their region as agreed")
        if os.fstat(fd).st_size < size:
            raise ValueError("a region is smaller than announced")
        base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
        if base == MAP_FAILED:
            raise OSError(errno, os.strerror(errno))
        self.rings, self.rings_size = <char *> base, size
        self.s2m = <mm_ring *> (self.rings + <uint64_t> s2m_offset)
        self.m2s = <mm_ring *> (self.rings + <uint64_t> m2s_offset)
        self.extension = <mm_extension *> (self.rings + <uint64_t> extension)
        self.info = ring_info(self.s2m, s2m_log2)
        self.s2m_mask, self.m2s_mask = (1 << s2m_log2) - 1, (1 << m2s_log2) - 1
        if self.s2m.cookie != MM_COOKIE or self.m2s.cookie != MM_COOKIE:
            munmap(base, self.rings_size)
            self.rings = NULL
            raise ValueError("no memif ring where one was announced")

    def add_region(self, index, fd, size):
        """Map a pool under its number. Only the newest eight numbers, and those of waiting frames, stand for something.

        So when a number comes round again, long after, it is unknown until the hub's message about it has been read.
        """
        self._ensure_open()
        self.regions[index] = Mapping(fd, size, self.stride, self._writable())
        if index in self.newest:
            self.newest.remove(index)
        self.newest.append(index)
        if len(self.newest) > KNOWN and not self._is_waiting(self.newest[0]):
            self.regions[self.newest.pop(0)] = None
        self.blocked = False

    cdef bint _writable(self) noexcept:
        return False

    cdef bint _is_waiting(self, uint16_t region) noexcept nogil:
        """Whether a frame of that pool waits to be taken."""
        return False

    def _default_frame(self):
        raise TypeError("use SinkPort or SourcePort")

    cdef void _hand_back(self, mm_desc *desc, bint forgotten) noexcept:
        """A frame that was in hand no longer is."""

    cdef uint64_t _send(self, mm_desc *desc) except? 0:
        raise TypeError("only a source sends")

    cdef void _release_all(self):
        Sleeper._release_all(self)
        munmap(self.rings, self.rings_size)
        self.rings = NULL
        self.regions = []
        live.closed("port")

    def __dealloc__(self):
        if not self.closed:
            self._release_all()
            warnings.warn("a port was dropped open", ResourceWarning)
