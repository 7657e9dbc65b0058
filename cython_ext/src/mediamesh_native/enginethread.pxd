from libc.stdint cimport uint32_t, uint64_t

from mediamesh_native.model cimport Engine_

cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_mutex_t:
        pass
    ctypedef unsigned long pthread_t


cdef struct Shared:
    Engine_ state
    pthread_mutex_t lock
    int waiting


cdef class EngineThread:
    cdef Shared *shared
    cdef Engine_ *state
    cdef pthread_t thread
    cdef readonly bint running
    cdef readonly bint closed
    cdef bint closing  # shared memory is somebody else's now, or nobody's
    cdef readonly int event_fd
    cdef double spent
    cdef dict _owned  # keeps rings and pools alive while they are in use

    cdef void _stop(self)
    cdef void _wake(self) noexcept
    cdef void _lock(self) noexcept
    cdef bint _interrupt(self, uint64_t older_than_ns) noexcept
    cdef void _unlock(self) noexcept
    cdef int _ensure_open(self) except -1
    cdef void _close_thread(self)
