from libc.stdint cimport int64_t, uint32_t, uint64_t

from mediamesh_native.attachment cimport Mapping, Port
from mediamesh_native.layout cimport mm_desc, mm_info


cdef class Frame:
    cdef Port port
    cdef Mapping mapping
    cdef char *base
    cdef mm_desc desc
    cdef uint64_t payload_length
    cdef uint32_t header_size
    cdef bint done
    cdef public uint64_t sequence
    cdef public int64_t time
    cdef public uint32_t rtp_timestamp
    cdef public uint32_t duration
    cdef public uint32_t status
    cdef public uint32_t flags
    cdef readonly int64_t sent
    cdef uint32_t metadata_length
    cdef bytes own_metadata

    cdef int _ensure_in_hand(self) except -1


cdef class SinkFrame(Frame):
    cdef uint32_t exports  # views alive

    cdef void _give_back(self) noexcept
    cdef void _read_header(self, mm_info *info) noexcept


cdef class SourceFrame(Frame):
    cdef void _write_header(self, uint64_t sequence) noexcept
