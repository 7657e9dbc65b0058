from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t

from mediamesh_native.layout cimport mm_desc, mm_extension, mm_info, mm_ring


cdef class Mapping:
    cdef char *base
    cdef uint64_t size
    cdef uint64_t stride
    cdef bint writable
    cdef bytearray populated

    cdef char *frame(self, uint32_t offset, uint32_t length) noexcept


cdef class Port:
    cdef char *rings
    cdef uint64_t rings_size
    cdef mm_ring *s2m
    cdef mm_ring *m2s
    cdef mm_info *info
    cdef mm_extension *extension
    cdef uint16_t s2m_mask
    cdef uint16_t m2s_mask
    cdef int s2m_event
    cdef int m2s_event
    cdef int socket
    cdef int epoll
    cdef int own_event  # one thread of ours to another
    cdef uint32_t header_size
    cdef uint64_t capacity
    cdef uint64_t stride
    cdef list regions
    cdef list newest  # numbers of the known ones, oldest first
    cdef object frame_class
    cdef bint external  # the application polls fileno() itself
    cdef bint blocked  # what comes next needs a control message first
    cdef bint rung  # the hub has woken us since its signals were last thrown away
    cdef bint closing
    cdef int waiters
    cdef uint32_t burst  # frames since the last sleep
    cdef readonly bint closed
    cdef readonly unsigned int outstanding
    cdef readonly unsigned int forgotten
    cdef public uint64_t next_sequence  # of a source
    cdef object __weakref__

    cdef bint _writable(self) noexcept
    cdef bint _is_waiting(self, uint16_t region) noexcept nogil
    cdef bint _ready(self) noexcept nogil
    cdef void _before_sleep(self) noexcept nogil
    cdef int _ensure_open(self) except -1
    cdef void _signal_hub(self) noexcept nogil
    cdef void _wake_hub(self) noexcept nogil
    cdef bint _linger(self) noexcept nogil
    cdef int _sleep(self, uint64_t deadline, bint endless) noexcept nogil
    cdef void _silence(self) noexcept nogil
    cdef void _clear_event(self) noexcept nogil
    cdef void _end_wait(self)
    cdef void _signal_self(self) noexcept nogil
    cdef void _release_all(self)
    cdef void _hand_back(self, mm_desc *desc, bint forgotten) noexcept
    cdef uint64_t _send(self, mm_desc *desc) except? 0
