# cython: language_level=3
"""What a source and a sink share in the client's process: mapped rings and pools, sleeping, closing.

Under load a port makes no system call: each side tells the other "I am awake" by a flag. Only `wait` sleeps, without the
GIL, in an epoll set of three: the socket on which the hub wakes us (what it carries means nothing, and is thrown away
before the next sleep, when there is time), the attach socket, and an eventfd with which threads of ours wake each other.

Threads: every method but `wait` runs with the GIL held from beginning to end, so a port may be shared.
"""

import enum
import os
import warnings

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t
from posix.mman cimport MAP_FAILED, MAP_SHARED, PROT_READ, PROT_WRITE, mmap, munmap
from posix.unistd cimport read, write

from mediamesh_native.layout cimport (
    MM_COOKIE, MM_HEADER_SIZE, MM_MASK_INT, mm_desc, mm_extension, mm_fence, mm_load16, mm_monotonic, mm_ring, mm_store16, ring_info,
)

from mediamesh_native import live

cdef extern from "<errno.h>" nogil:
    int errno
    const int EINTR

cdef extern from "<sys/epoll.h>" nogil:
    const unsigned EPOLLIN
    const unsigned EPOLLET
    const unsigned EPOLLRDHUP
    const int EPOLL_CTL_ADD
    const int EPOLL_CTL_DEL
    const int EPOLL_CTL_MOD

cdef extern from "<sched.h>" nogil:
    int sched_yield()

cdef extern from "<sys/socket.h>" nogil:
    const int MSG_DONTWAIT
    ssize_t recv(int fd, void *to, size_t room, int flags)

cdef extern from * nogil:
    """
    #include <sys/epoll.h>
    #include <sys/mman.h>
    #include <time.h>
    enum { MM_EVENT = 1, MM_SOCKET = 2 };
    #ifndef MADV_POPULATE_READ
    #define MADV_POPULATE_READ 22
    #define MADV_POPULATE_WRITE 23
    #endif
    static int mm_epoll(void) { return epoll_create1(EPOLL_CLOEXEC); }
    static int mm_watch(int epoll, int operation, int fd, unsigned events, unsigned what) {
        struct epoll_event event = {.events = events, .data = {.u32 = what}};
        return epoll_ctl(epoll, operation, fd, &event);
    }
    /* What is ready (MM_EVENT | MM_SOCKET), 0 at the time-out, -1 with errno. */
    static int mm_sleep(int epoll, int64_t nanoseconds) {
        struct epoll_event events[3];
        struct timespec limit = {nanoseconds / 1000000000, nanoseconds % 1000000000};
        int what = 0, count = epoll_pwait2(epoll, events, 3, nanoseconds < 0 ? 0 : &limit, 0);
        if (count < 0) return -1;
        for (int i = 0; i < count; i++) what |= (int)events[i].data.u32;
        return what;
    }
    """
    const int MM_EVENT
    const int MM_SOCKET
    const int MADV_POPULATE_READ
    const int MADV_POPULATE_WRITE
    int mm_epoll()
    int mm_watch(int epoll, int operation, int fd, unsigned events, unsigned what)
    int mm_sleep(int epoll, int64_t nanoseconds)
    int madvise(void *base, size_t size, int advice)


cdef enum:
    BURST = 16  # frames between two sleeps that make it worth to
    LINGER = 4  # yield so often first
    KNOWN = 8


class Wait(enum.IntEnum):
    """What ended a wait."""

    TIMEOUT = 0
    READY = 1
    CONTROL = 2


cdef object _TIMEOUT = Wait.TIMEOUT
cdef object _READY = Wait.READY
cdef object _CONTROL = Wait.CONTROL


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
        """The frame's address, its pages in place; NULL if it is not a frame of this pool."""
        cdef uint64_t index = offset // self.stride
        cdef unsigned char *populated = self.populated
        if offset % self.stride or length > self.stride or index * self.stride + self.stride > self.size:
            return NULL
        if not populated[index]:
            # Faulting page by page costs ten times as much; an older kernel refuses this, and faults.
            populated[index] = 1
            madvise(self.base + offset, self.stride, MADV_POPULATE_WRITE if self.writable else MADV_POPULATE_READ)
        return self.base + offset

    def __dealloc__(self):
        if self.base != NULL:
            munmap(self.base, self.size)
            live.closed("mapping")


@cython.no_gc_clear  # its frames need it until they are back
cdef class Port:
    """What both roles share: rings, regions, sleeping, closing."""

    def __cinit__(self):
        self.closed = True
        self.epoll = self.own_event = self.s2m_event = self.m2s_event = -1

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
        self.socket = socket
        self._map_rings(rings, rings_size, s2m_offset, s2m_log2, m2s_offset, m2s_log2)
        try:
            self._make_epoll(s2m_event)
        except BaseException:
            munmap(self.rings, self.rings_size)
            raise
        self.s2m_event, self.m2s_event = s2m_event, m2s_event
        self.closed = False
        live.opened("port")

    def _make_epoll(self, s2m_event):
        self.own_event = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.epoll = mm_epoll()
        if (
            self.epoll < 0
            or mm_watch(self.epoll, EPOLL_CTL_ADD, s2m_event, EPOLLIN | EPOLLET, MM_EVENT)
            or mm_watch(self.epoll, EPOLL_CTL_ADD, self.own_event, EPOLLIN | EPOLLET, MM_EVENT)
            or mm_watch(self.epoll, EPOLL_CTL_ADD, self.socket, EPOLLIN | EPOLLRDHUP, MM_SOCKET)
        ):
            code = errno
            os.close(self.own_event)
            if self.epoll >= 0:
                os.close(self.epoll)
            raise OSError(code, f"cannot wait for the ring and the socket: {os.strerror(code)}")

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

    cdef bint _ready(self) noexcept nogil:
        """Whether there is something to take."""
        return False

    cdef void _before_sleep(self) noexcept nogil:
        pass

    def _default_frame(self):
        raise TypeError("use SinkPort or SourcePort")

    cdef void _hand_back(self, mm_desc *desc, bint forgotten) noexcept:
        """A frame that was in hand no longer is."""

    cdef uint64_t _send(self, mm_desc *desc) except? 0:
        raise TypeError("only a source sends")

    cdef int _ensure_open(self) except -1:
        if self.closed or self.closing:
            raise ValueError("the port is closed")
        return 0

    cdef void _signal_hub(self) noexcept nogil:
        cdef uint64_t one = 1
        write(self.m2s_event, &one, 8)

    cdef void _wake_hub(self) noexcept nogil:
        """Signal the hub unless it said that it is awake. The caller has just stored an index."""
        mm_fence()
        if not mm_load16(&self.m2s.flags) & MM_MASK_INT:
            self._signal_hub()

    cdef bint _linger(self) noexcept nogil:
        """After a burst more is likely to come at once: let others run instead of sleeping, a few times."""
        cdef int turns = LINGER if self.burst >= BURST and not self.external else 0
        self.burst = 0
        while turns:
            sched_yield()
            if self._ready():
                return True
            turns -= 1
        return False

    cdef int _sleep(self, uint64_t deadline, bint endless) noexcept nogil:
        """MM_EVENT if there is something to take, MM_SOCKET, 0 at the deadline, -1 with errno."""
        cdef int what
        cdef uint64_t now = 0
        while True:
            if not self.blocked:
                if self._linger():
                    return MM_EVENT
                if self.rung:
                    self.rung = False
                    self._silence()
                mm_store16(&self.s2m.flags, 0)
                mm_fence()
                if self._ready():
                    return MM_EVENT
                self._before_sleep()
            if not endless:
                now = mm_monotonic()
            what = mm_sleep(self.epoll, -1 if endless else <int64_t> (deadline - now) if deadline > now else 0)
            if what < 0 or self.closing:
                return what if what < 0 else MM_SOCKET
            if what & MM_EVENT:
                self.rung = True
                if self.external:
                    self._clear_event()
            if self._ready() and not self.blocked:
                return MM_EVENT
            if what & MM_SOCKET:
                return MM_SOCKET
            if what == 0 and not endless and mm_monotonic() >= deadline:
                return 0

    cdef void _silence(self) noexcept nogil:
        """Throw away what the hub has sent to wake us. Only then look whether there is something to take."""
        cdef char[64] ignored
        cdef ssize_t count = sizeof(ignored)
        while count == sizeof(ignored):
            count = recv(self.s2m_event, ignored, sizeof(ignored), MSG_DONTWAIT)
        if count == 0:  # the hub has let go, and its socket says why: this end would only keep us awake
            mm_watch(self.epoll, EPOLL_CTL_DEL, self.s2m_event, 0, 0)
        mm_fence()

    cdef void _clear_event(self) noexcept nogil:
        """Make `fileno` unreadable, but not if there is something to take."""
        cdef uint64_t ignored
        read(self.own_event, &ignored, 8)
        self._silence()
        if self._ready() and not self.blocked:
            self._signal_self()

    def wait(self, int64_t timeout_ns):
        """Sleep without the GIL until there is something to take (READY), the socket has something (CONTROL) or time is up.

        -1 waits for ever. Signals are handled meanwhile. Raises ValueError if the port is or gets closed.
        """
        cdef int what
        cdef uint64_t deadline = mm_monotonic() + <uint64_t> max(timeout_ns, 0)
        self._ensure_open()
        self.waiters += 1
        try:
            while True:
                with nogil:
                    what = self._sleep(deadline, timeout_ns < 0)
                if what >= 0:
                    break
                if errno != EINTR:
                    raise OSError(errno, os.strerror(errno))
                PyErr_CheckSignals()
        finally:
            self._end_wait()
        self._ensure_open()
        if what == MM_EVENT:
            if not self.external and not self.waiters:
                mm_store16(&self.s2m.flags, MM_MASK_INT)
            return _READY
        return _CONTROL if what else _TIMEOUT

    cdef void _end_wait(self):
        """The last one out closes; before that, one signal for several sleepers goes from hand to hand."""
        self.waiters -= 1
        if self.waiters:
            if self.closing or self._ready():
                self._signal_self()
        elif self.closing:
            self._release_all()

    cdef void _signal_self(self) noexcept nogil:
        cdef uint64_t one = 1
        write(self.own_event, &one, 8)

    def fileno(self):
        """An epoll descriptor, readable while there may be something to take or a control message.

        From the first call on the hub signals always, since it cannot know when the application sleeps. Take until None.
        """
        self._ensure_open()
        if not self.external:
            self.external = True
            mm_watch(self.epoll, EPOLL_CTL_MOD, self.s2m_event, EPOLLIN, MM_EVENT)
            mm_watch(self.epoll, EPOLL_CTL_MOD, self.own_event, EPOLLIN, MM_EVENT)
            mm_store16(&self.s2m.flags, 0)
            self._clear_event()
        return self.epoll

    def close(self):
        """Unmap and close. Frames in hand become closed; views of them stay readable until dropped."""
        if self.closed or self.closing:
            return
        self.closing = True
        if self.waiters:
            self._signal_self()
        else:
            self._release_all()

    cdef void _release_all(self):
        self.closed = True
        munmap(self.rings, self.rings_size)
        self.rings = NULL
        self.regions = []
        for fd in (self.epoll, self.own_event, self.s2m_event, self.m2s_event):
            os.close(fd)
        live.closed("port")

    def __dealloc__(self):
        if not self.closed:
            self._release_all()
            warnings.warn("a port was dropped open", ResourceWarning)
