# cython: language_level=3
"""How a client sleeps until the hub, or another thread of its own, wakes it.

Under load a port makes no system call: each side tells the other "I am awake" by a flag. Only `wait` sleeps, without the
GIL: on the bell, a word of the shared rings (bell.h), which costs the hub least to wake and us least to be woken. A thread of
ours, the lookout, meanwhile watches the descriptors.

If the hub offers no bell, if there can be no such thread, or once the application has asked for a descriptor of its own to
sleep on, the sleep is on all descriptors (signals.pyx).

A signal wakes a sleeper, but not one who was only about to sleep, nor the main thread if another thread took the signal. So
nobody sleeps for more than a second without a look at what Python has to handle.

Threads: every method but `wait` runs with the GIL held from beginning to end, so a port may be shared. Whoever is about to
sleep, or leaves others asleep, puts ASLEEP on the bell and looks once more at everything that it might have been rung for.
"""

import enum
import os

from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t, uint32_t, uint64_t

from mediamesh_native.bell cimport (
    MM_BELL_ASLEEP, MM_BELL_AWAKE, MM_BELL_OFFERED, MM_NO_DEADLINE, mm_bell_wake_all, mm_futex_wait,
)
from mediamesh_native.layout cimport MM_MASK_INT, mm_fence, mm_load32, mm_monotonic, mm_store16, mm_store32
from mediamesh_native.lookout cimport lookout_again, lookout_here, lookout_start, lookout_stop
from mediamesh_native.signals cimport MM_EVENT, MM_SOCKET, Signals

cdef extern from "<errno.h>" nogil:
    int errno
    const int EINTR
    const int ETIMEDOUT

cdef extern from "<sched.h>" nogil:
    int sched_yield()

cdef extern from * nogil:
    """
    enum { MM_MOVED = 4 };
    static int mm_failed(int code) { errno = code; return -1; }
    """
    const int MM_MOVED
    int mm_failed(int code)


cdef enum:
    BURST = 16  # frames between two sleeps that make it worth to
    LINGER = 4  # yield so often first
    NAP = 1_000_000_000  # nanoseconds after which a signal that woke nobody is noticed


class Wait(enum.IntEnum):
    """What ended a wait."""

    TIMEOUT = 0
    READY = 1
    CONTROL = 2


cdef object _TIMEOUT = Wait.TIMEOUT
cdef object _READY = Wait.READY
cdef object _CONTROL = Wait.CONTROL


cdef class Sleeper(Signals):
    """Sleeping, waking and being woken."""

    cdef int _ensure_open(self) except -1:
        if self.closed or self.closing:
            raise ValueError("the port is closed")
        return 0

    cdef void _before_sleep(self) noexcept nogil:
        pass

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

    cdef void _choose(self, int64_t timeout_ns) noexcept:
        """Sleep on the bell from now on, if the hub has one and the thread can be had; never for a mere look."""
        if self.by_bell and not lookout_here(&self.lookout):  # a fork left it behind
            self.by_bell = False
            mm_store32(&self.extension.bell, MM_BELL_OFFERED)
        if self.by_bell or self.external or self.waiters or not timeout_ns or mm_load32(&self.extension.bell) != MM_BELL_OFFERED:
            return
        self.lookout.signal, self.lookout.control = self.s2m_event, self.socket
        self.lookout.bell = &self.extension.bell
        if lookout_start(&self.lookout):
            mm_store32(&self.extension.bell, MM_BELL_AWAKE)
            self.by_bell = True

    cdef int _sleep(self, uint64_t deadline) noexcept nogil:
        """MM_EVENT if there is something to take, MM_SOCKET, 0 at the deadline, -1 with errno."""
        cdef int what = MM_MOVED
        while what == MM_MOVED:
            if not self.by_bell:
                return self._sleep_on_descriptors(deadline)
            what = self._sleep_on_bell(deadline)
            if not self.by_bell:
                self._give_bell_back()
        return what

    cdef void _give_bell_back(self) noexcept nogil:
        """Be woken on the socket again; what the bell was rung for meanwhile is told to whoever watches the descriptors."""
        mm_store32(&self.extension.bell, MM_BELL_OFFERED)
        mm_fence()
        if self._ready():
            self._signal_self()

    cdef int _sleep_on_bell(self, uint64_t deadline) noexcept nogil:
        """As `_sleep`; MM_MOVED if the bell is no longer ours."""
        cdef int what, code
        while True:
            if self.closing or not self.by_bell:
                return MM_SOCKET if self.closing else MM_MOVED
            what = self._look_for_lookout()
            if what:
                return what
            if not self.blocked and self._linger():
                return MM_EVENT
            mm_store32(&self.extension.bell, MM_BELL_ASLEEP)
            if self._may_sleep():
                code = mm_futex_wait(&self.extension.bell, MM_BELL_ASLEEP, deadline)
                if code == EINTR:
                    return mm_failed(code)
                if code == ETIMEDOUT:
                    what = self._look(0)
                    return MM_EVENT if self._ready() and not self.blocked else what & MM_SOCKET if what > 0 else what
            if self._ready() and not self.blocked:
                return MM_EVENT

    cdef bint _may_sleep(self) noexcept nogil:
        """Look at everything once more, having said that we sleep."""
        if self.blocked:
            mm_fence()
        else:
            mm_store16(&self.s2m.flags, 0)
            mm_fence()
            if self._ready():
                return False
            self._before_sleep()
        return not (self.closing or mm_load32(&self.lookout.seen)) and self.by_bell

    cdef int _look_for_lookout(self) noexcept nogil:
        """MM_SOCKET while what the lookout has seen is there, else 0; -1 with errno."""
        cdef int what
        if not mm_load32(&self.lookout.seen):
            return 0
        what = self._look(0)
        if what >= 0 and not what & MM_SOCKET:
            lookout_again(&self.lookout)
            return 0
        return MM_SOCKET if what >= 0 else what

    cdef int _sleep_on_descriptors(self, uint64_t deadline) noexcept nogil:
        """As `_sleep`."""
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
            now = mm_monotonic()
            what = self._look(-1 if deadline == MM_NO_DEADLINE else <int64_t> (deadline - now) if deadline > now else 0)
            if what < 0 or self.closing:
                return what if what < 0 else MM_SOCKET
            if self._ready() and not self.blocked:
                return MM_EVENT
            if what & MM_SOCKET:
                return MM_SOCKET
            if what == 0 and mm_monotonic() >= deadline:
                return 0

    def wait(self, int64_t timeout_ns):
        """Sleep without the GIL until there is something to take (READY), the socket has something (CONTROL) or time is up.

        -1 waits for ever. Signals are handled meanwhile. Raises ValueError if the port is or gets closed.
        """
        cdef int what
        cdef uint64_t nap, deadline = MM_NO_DEADLINE if timeout_ns < 0 else mm_monotonic() + <uint64_t> timeout_ns
        self._ensure_open()
        self._choose(timeout_ns)
        self.waiters += 1
        try:
            while True:
                with nogil:
                    nap = min(deadline, mm_monotonic() + NAP)
                    what = self._sleep(nap)
                if what > 0 or what == 0 and nap == deadline:
                    break
                if what < 0 and errno != EINTR:
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
            if self.by_bell:
                mm_store32(&self.extension.bell, MM_BELL_ASLEEP)
                mm_fence()
            if self.closing or self._ready() or mm_load32(&self.lookout.seen):
                self._signal_self()
        elif self.closing:
            self._release_all()
        elif self.by_bell:
            mm_store32(&self.extension.bell, MM_BELL_AWAKE)

    cdef void _signal_self(self) noexcept nogil:
        if self.by_bell:
            mm_bell_wake_all(&self.extension.bell)
        else:
            Signals._signal_self(self)

    def fileno(self):
        """An epoll descriptor, readable while there may be something to take or a control message.

        From the first call on the hub signals always, since it cannot know when the application sleeps. Take until None.
        """
        self._ensure_open()
        if not self.external:
            self._leave_bell()
            self._show_signals()
            mm_store16(&self.s2m.flags, 0)
            self._clear_event()
        return self.epoll

    cdef void _leave_bell(self) noexcept:
        """Let whoever sleeps on the bell go over to the descriptors."""
        if self.by_bell:
            self.by_bell = False
            lookout_stop(&self.lookout)
            mm_bell_wake_all(&self.extension.bell)
            self._give_bell_back()

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
        lookout_stop(&self.lookout)
        self._close_descriptors()
