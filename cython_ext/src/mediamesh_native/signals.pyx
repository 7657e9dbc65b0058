# cython: language_level=3
"""The descriptors between a client and its hub.

An epoll set of three: the socket on which the hub wakes us if we do not sleep on the bell (what it carries means nothing, and is
thrown away before the next sleep, when there is time), the attach socket, and an eventfd by which threads of ours wake each other. It is
also what the application gets that wants a descriptor to sleep on. And the eventfd on which we wake the hub.
"""

import os

from libc.stdint cimport int64_t, uint64_t
from posix.unistd cimport read, write

from mediamesh_native.layout cimport MM_MASK_INT, mm_fence, mm_load16
from mediamesh_native.lookout cimport throw_away

cdef extern from "<errno.h>" nogil:
    int errno

cdef extern from "<sys/epoll.h>" nogil:
    const unsigned EPOLLIN
    const unsigned EPOLLET
    const unsigned EPOLLRDHUP
    const int EPOLL_CTL_ADD
    const int EPOLL_CTL_DEL
    const int EPOLL_CTL_MOD

cdef extern from * nogil:
    """
    #include <sys/epoll.h>
    #include <time.h>
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
    int mm_epoll()
    int mm_watch(int epoll, int operation, int fd, unsigned events, unsigned what)
    int mm_sleep(int epoll, int64_t nanoseconds)


cdef class Signals:
    """What wakes a client, and what wakes its hub."""

    def __cinit__(self):
        self.closed = True
        self.epoll = self.own_event = self.s2m_event = self.m2s_event = -1

    cdef int _watch_descriptors(self, int socket, int s2m_event) except -1:
        self.socket = socket
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
        return 0

    cdef bint _ready(self) noexcept nogil:
        """Whether there is something to take."""
        return False

    cdef void _signal_hub(self) noexcept nogil:
        cdef uint64_t one = 1
        write(self.m2s_event, &one, 8)

    cdef void _wake_hub(self) noexcept nogil:
        """Signal the hub unless it said that it is awake. The caller has just stored an index."""
        mm_fence()
        if not mm_load16(&self.m2s.flags) & MM_MASK_INT:
            self._signal_hub()

    cdef int _look(self, int64_t nanoseconds) noexcept nogil:
        """What the descriptors have, after so long at most."""
        cdef int what = mm_sleep(self.epoll, nanoseconds)
        if what > 0 and what & MM_EVENT:
            self.rung = True
            if self.external:
                self._clear_event()
        return what

    cdef void _silence(self) noexcept nogil:
        """Throw away what the hub has sent to wake us. Only then look whether there is something to take."""
        if not throw_away(self.s2m_event):  # the hub has let go, and its socket says why: this end would only keep us awake
            mm_watch(self.epoll, EPOLL_CTL_DEL, self.s2m_event, 0, 0)
        mm_fence()

    cdef void _clear_event(self) noexcept nogil:
        """Make `fileno` unreadable, but not if there is something to take."""
        cdef uint64_t ignored
        read(self.own_event, &ignored, 8)
        self._silence()
        if self._ready() and not self.blocked:
            self._signal_self()

    cdef void _signal_self(self) noexcept nogil:
        """Wake a thread of ours that sleeps here."""
        cdef uint64_t one = 1
        write(self.own_event, &one, 8)

    cdef void _show_signals(self) noexcept:
        """Keep the set readable (level) while a signal was not taken care of: the application watches it."""
        self.external = True
        mm_watch(self.epoll, EPOLL_CTL_MOD, self.s2m_event, EPOLLIN, MM_EVENT)
        mm_watch(self.epoll, EPOLL_CTL_MOD, self.own_event, EPOLLIN, MM_EVENT)

    cdef void _close_descriptors(self):
        for fd in (self.epoll, self.own_event, self.s2m_event, self.m2s_event):
            os.close(fd)
