# cython: language_level=3
"""The engine's thread and its lock.

Control calls come from the hub's main thread. They take the lock for a few microseconds; the thread lets a waiting caller in
between two rounds. A stock peer that makes the thread hang in a signal (frames.pxd, signal_stock) is noticed by the caller who waits for the
lock, or by `check_stuck`, and the write interrupted.
"""

import os
import select
import warnings

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from posix.unistd cimport write

from mediamesh_native.frames cimport activate
from mediamesh_native.layout cimport mm_monotonic
from mediamesh_native.loop cimport (
    EPOLL_CTL_ADD, EPOLLIN, EVENTS, MM_WAKE, TABLE, TICK_MS, epoll_ctl, epoll_event, epoll_wait, serve_active, serve_all,
    serve_events, tick,
)
from mediamesh_native.model cimport Attachment, Engine_

from collections import namedtuple

from mediamesh_native import live

cdef extern from "<pthread.h>" nogil:
    int pthread_mutex_init(pthread_mutex_t *mutex, void *attributes)
    int pthread_mutex_lock(pthread_mutex_t *mutex)
    int pthread_mutex_unlock(pthread_mutex_t *mutex)
    int pthread_create(pthread_t *thread, void *attributes, void *(*run)(void *) noexcept nogil, void *argument)
    int pthread_kill(pthread_t thread, int number)
    int sched_yield()

cdef extern from * nogil:
    """
    #define _GNU_SOURCE 1
    #include <pthread.h>
    #include <signal.h>
    #include <time.h>
    static void mm_no_action(int number) { (void)number; }
    /* The signal that interrupts a write that hangs: no SA_RESTART. */
    static int mm_install_interrupt(void) {
        struct sigaction action = {0};
        action.sa_handler = mm_no_action;
        return sigaction(SIGRTMIN + 5, &action, 0);
    }
    static int mm_interrupt_number(void) { return SIGRTMIN + 5; }
    /* The engine thread leaves all signals but that one to the main thread. */
    static void mm_quiet_thread(void) {
        sigset_t all;
        sigfillset(&all);
        sigdelset(&all, SIGRTMIN + 5);
        pthread_sigmask(SIG_SETMASK, &all, 0);
    }
    static double mm_thread_seconds(pthread_t thread) {
        clockid_t clock;
        struct timespec spent;
        if (pthread_getcpuclockid(thread, &clock) || clock_gettime(clock, &spent)) return 0;
        return (double)spent.tv_sec + spent.tv_nsec * 1e-9;
    }
    static int mm_lock_for(pthread_mutex_t *mutex, int milliseconds) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += milliseconds * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        return pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &until);
    }
    static int mm_join_for(pthread_t thread, int milliseconds) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += milliseconds * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        return pthread_clockjoin_np(thread, 0, CLOCK_MONOTONIC, &until);
    }
    static int mm_add_waiting(int *count, int change) { return __atomic_add_fetch(count, change, __ATOMIC_SEQ_CST); }
    static int mm_waiting(int *count) { return __atomic_load_n(count, __ATOMIC_ACQUIRE); }
    """
    int mm_install_interrupt()
    int mm_interrupt_number()
    void mm_quiet_thread()
    double mm_thread_seconds(pthread_t thread)
    int mm_lock_for(pthread_mutex_t *mutex, int milliseconds)
    int mm_join_for(pthread_t thread, int milliseconds)
    int mm_add_waiting(int *count, int change)
    int mm_waiting(int *count)

cdef enum:
    PATIENCE_MS = 20

EngineCounters = namedtuple("EngineCounters", "cpu_seconds wakeups signals bytes_copied")


cdef void *run(void *argument) noexcept nogil:
    cdef Shared *shared = <Shared *> argument
    cdef Engine_ *engine = &shared.state
    cdef epoll_event events[EVENTS]
    cdef int count, patience = -1
    cdef uint32_t spin = 0
    mm_quiet_thread()
    while True:
        spin += 1
        count = 0
        if not engine.polling or spin & 63 == 0:
            count = epoll_wait(engine.epoll, events, EVENTS, 0 if engine.active_count or engine.polling else patience)
        pthread_mutex_lock(&shared.lock)
        if engine.stopping:
            pthread_mutex_unlock(&shared.lock)
            return NULL
        serve_events(engine, events, count)
        if engine.polling:
            serve_all(engine)
        if engine.active_count:
            serve_active(engine)
        patience = TICK_MS if engine.stock_count and tick(engine) else -1
        pthread_mutex_unlock(&shared.lock)
        # Let a control call in; and while we only linger, let the peers run.
        if engine.active_count and not count:
            sched_yield()
        while mm_waiting(&shared.waiting):
            sched_yield()


cdef class EngineThread:
    """The thread, its epoll set and the lock around everything that it looks at."""

    def __cinit__(self):
        self.closed = True
        self.shared = <Shared *> calloc(1, sizeof(Shared))
        if self.shared == NULL:
            raise MemoryError
        self.state = &self.shared.state
        pthread_mutex_init(&self.shared.lock, NULL)

    def __init__(self, *, polling=False):
        cdef epoll_event event
        self.state.table = <Attachment **> calloc(TABLE, sizeof(Attachment *))
        self.state.generation = <uint32_t *> calloc(TABLE, sizeof(uint32_t))
        self.state.active = <uint32_t *> calloc(TABLE, sizeof(uint32_t))
        self.state.active_before = <uint32_t *> calloc(TABLE, sizeof(uint32_t))
        self.state.stocks = <uint32_t *> calloc(TABLE, sizeof(uint32_t))
        if (
            self.state.table == NULL or self.state.generation == NULL or self.state.active == NULL
            or self.state.active_before == NULL or self.state.stocks == NULL
        ):
            raise MemoryError
        self.state.polling = polling
        self._owned = {}
        epoll = select.epoll(flags=select.EPOLL_CLOEXEC)
        self.state.epoll = os.dup(epoll.fileno())
        epoll.close()
        self.state.wake_event = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.event_fd = self.state.report_event = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        event.events = EPOLLIN
        event.data.u64 = MM_WAKE
        epoll_ctl(self.state.epoll, EPOLL_CTL_ADD, self.state.wake_event, &event)
        mm_install_interrupt()
        self.closed = False
        live.opened("engine")

    def start(self):
        """Start (or, after `freeze`, resume) the thread. Everybody is looked at once: signals may have been missed."""
        cdef uint32_t i
        self._ensure_open()
        if self.running:
            return
        for i in range(self.state.table_size):
            if self.state.table[i] != NULL:
                activate(self.state, self.state.table[i])
        self.state.stopping = False
        if pthread_create(&self.thread, NULL, run, self.shared):
            raise RuntimeError("the engine thread cannot be started")
        self.running = True

    cdef void _stop(self):
        """End the thread, even if a peer makes it hang in a signal."""
        cdef int late = 1
        if not self.running:
            return
        # Under the lock: between its look at `stopping` and its sleep the thread takes every wake-up for its own.
        self._lock()
        self.state.stopping = True
        self._unlock()
        self._wake()
        self.spent += mm_thread_seconds(self.thread)
        while late:
            with nogil:
                late = mm_join_for(self.thread, PATIENCE_MS)
            if late:
                self._interrupt(PATIENCE_MS * 1_000_000)
        self.running = False

    cdef void _wake(self) noexcept:
        cdef uint64_t one = 1
        write(self.state.wake_event, &one, 8)

    cdef void _lock(self) noexcept:
        """Take the engine's lock. It is held for microseconds, unless a peer blocks the engine: then help it out."""
        cdef int late = 1
        mm_add_waiting(&self.shared.waiting, 1)
        while late:
            with nogil:
                late = mm_lock_for(&self.shared.lock, PATIENCE_MS)
            if late:
                self._interrupt(PATIENCE_MS * 1_000_000)
        mm_add_waiting(&self.shared.waiting, -1)

    cdef bint _interrupt(self, uint64_t older_than_ns) noexcept:
        cdef uint64_t since = self.state.kick_since
        if not self.running or not since or mm_monotonic() - since < older_than_ns:
            return False
        pthread_kill(self.thread, mm_interrupt_number())
        return True

    cdef void _unlock(self) noexcept:
        pthread_mutex_unlock(&self.shared.lock)

    cdef int _ensure_open(self) except -1:
        if self.closed:
            raise ValueError("the engine is closed")
        return 0

    def engine_counters(self):
        """The numbers of the engine itself."""
        spent = self.spent + (mm_thread_seconds(self.thread) if self.running else 0.0)
        return EngineCounters(spent, self.state.wakeups, self.state.signals, self.state.bytes_copied)

    def check_stuck(self, older_than_ns=20_000_000):
        """Interrupt a signal to a stock peer that has blocked the engine for so long; True if there was one."""
        return self._interrupt(older_than_ns)

    cdef void _close_thread(self):
        """Stop for good; nothing is left that the thread could have looked at."""
        self._stop()
        self.closed = True
        for fd in (self.state.epoll, self.state.wake_event, self.event_fd):
            os.close(fd)
        free(self.state.table)
        free(self.state.generation)
        free(self.state.active)
        free(self.state.active_before)
        free(self.state.stocks)
        live.closed("engine")

    def __dealloc__(self):
        cdef bint dropped = not self.closed
        if dropped:
            self._close_thread()
        free(self.shared)
        if dropped:
            warnings.warn("an engine was dropped open", ResourceWarning)
