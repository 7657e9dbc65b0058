from libc.stdint cimport int64_t

from mediamesh_native.layout cimport mm_ring

cdef enum:
    MM_EVENT = 1  # somebody woke us
    MM_SOCKET = 2  # the attach socket has something


cdef class Signals:
    cdef mm_ring *s2m
    cdef mm_ring *m2s
    cdef int s2m_event
    cdef int m2s_event
    cdef int socket
    cdef int epoll
    cdef int own_event  # one thread of ours to another
    cdef bint external  # the application polls fileno() itself
    cdef bint blocked  # what comes next needs a control message first
    cdef bint rung  # the hub has written to the socket since that was last emptied
    cdef readonly bint closed

    cdef int _watch_descriptors(self, int socket, int s2m_event) except -1
    cdef bint _ready(self) noexcept nogil
    cdef void _signal_hub(self) noexcept nogil
    cdef void _wake_hub(self) noexcept nogil
    cdef int _look(self, int64_t nanoseconds) noexcept nogil
    cdef void _silence(self) noexcept nogil
    cdef void _clear_event(self) noexcept nogil
    cdef void _signal_self(self) noexcept nogil
    cdef void _show_signals(self) noexcept
    cdef void _close_descriptors(self)
