from libc.stdint cimport uint16_t, uint32_t, uint64_t

from mediamesh_native.layout cimport mm_desc, mm_info
from mediamesh_native.sleeper cimport Sleeper


cdef class Mapping:
    cdef char *base
    cdef uint64_t size
    cdef uint64_t stride
    cdef bint writable
    cdef bytearray populated

    cdef char *frame(self, uint32_t offset, uint32_t length) noexcept


cdef class Port(Sleeper):
    cdef char *rings
    cdef uint64_t rings_size
    cdef mm_info *info
    cdef uint16_t s2m_mask
    cdef uint16_t m2s_mask
    cdef uint32_t header_size
    cdef uint64_t capacity
    cdef uint64_t stride
    cdef list regions
    cdef list newest  # numbers of the known ones, oldest first
    cdef object frame_class
    cdef readonly unsigned int outstanding
    cdef readonly unsigned int forgotten
    cdef public uint64_t next_sequence  # of a source
    cdef object __weakref__

    cdef bint _writable(self) noexcept
    cdef bint _is_waiting(self, uint16_t region) noexcept nogil
    cdef void _hand_back(self, mm_desc *desc, bint forgotten) noexcept
    cdef uint64_t _send(self, mm_desc *desc) except? 0
