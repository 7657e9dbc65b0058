from libc.stdint cimport uint64_t

from mediamesh_native.layout cimport mm_ring


cdef class Pool:
    cdef readonly int fd
    cdef readonly unsigned int frames
    cdef readonly uint64_t capacity
    cdef readonly uint64_t stride
    cdef readonly uint64_t size
    cdef readonly bint sealed
    cdef readonly bint closed
    cdef char *base
    cdef bint writable  # as it is mapped here

    cdef char *mapped(self) except NULL


cdef class RingRegion:
    cdef readonly int fd
    cdef readonly uint64_t size
    cdef readonly uint64_t s2m_offset
    cdef readonly unsigned int s2m_log2
    cdef readonly int s2m_signal  # ours to send on
    cdef readonly int s2m_event  # the client's to wait on; -1 once it is given away
    cdef readonly uint64_t m2s_offset
    cdef readonly unsigned int m2s_log2
    cdef readonly int m2s_event
    cdef readonly uint64_t extension_offset
    cdef readonly bint closed
    cdef char *base

    cdef void _reset(self, mm_ring *ring) noexcept
