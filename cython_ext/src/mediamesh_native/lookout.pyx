# cython: language_level=3
"""A thread that watches descriptors for those who sleep on a bell.

Who sleeps on a word in memory (bell.h) cannot sleep on a descriptor as well, and must yet be told that the hub says something or
is gone. Waking up to look every few milliseconds costs an idle client a core's thousandth and everybody else the
delay. So a port that sleeps has one thread more, which sleeps in `poll` until there is something, says so in `seen`, wakes the
others and waits until one of them has looked. It knows nothing of the interpreter, takes no signals and allocates nothing.

The socket on which a hub without bells would wake us is watched too: a hub may be replaced by an older one.

A child of a fork does not have the thread, nor may it end that of its parent: `forks` tells it.
"""

from libc.stdint cimport uint32_t, uint64_t
from posix.unistd cimport close, write

from mediamesh_native.bell cimport MM_NO_DEADLINE, mm_bell_wake_all, mm_futex_wait, mm_futex_wake
from mediamesh_native.layout cimport mm_load32, mm_store32

cdef extern from "<sys/socket.h>" nogil:
    const int MSG_DONTWAIT
    ssize_t recv(int fd, void *to, size_t room, int flags)

cdef extern from * nogil:
    """
    #include <poll.h>
    #include <pthread.h>
    #include <signal.h>
    #include <sys/eventfd.h>
    enum { MM_LOOK_QUIT = 1, MM_LOOK_SIGNAL = 2, MM_LOOK_CONTROL = 4 };
    static int mm_forks;
    static void mm_forked(void) { mm_forks++; }
    static void mm_count_forks(void) { pthread_atfork(0, 0, mm_forked); }
    static int mm_quit_event(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }
    /* What is readable; -1: nothing can be watched any more. */
    static int mm_look(int quit, int signal, int control) {
        struct pollfd all[3] = {{quit, POLLIN, 0}, {signal, POLLIN, 0}, {control, POLLIN | POLLRDHUP, 0}};
        if (poll(all, 3, -1) < 0 || (all[2].revents & POLLNVAL)) return -1;
        return (all[0].revents ? MM_LOOK_QUIT : 0) | (all[1].revents ? MM_LOOK_SIGNAL : 0)
            | (all[2].revents ? MM_LOOK_CONTROL : 0);
    }
    /* It has next to no stack of its own, but glibc puts the thread-local memory of all libraries there. */
    static int mm_start_thread(unsigned long *thread, void *(*run)(void *), void *argument) {
        pthread_attr_t attributes;
        pthread_t made = 0;
        sigset_t all, before;
        int failed;
        pthread_attr_init(&attributes);
        pthread_attr_setstacksize(&attributes, 512 * 1024);
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        failed = pthread_create(&made, &attributes, run, argument);
        pthread_sigmask(SIG_SETMASK, &before, 0);
        pthread_attr_destroy(&attributes);
        if (!failed) pthread_setname_np(made, "mm-lookout");
        *thread = (unsigned long)made;
        return failed;
    }
    static void mm_join(unsigned long thread) { pthread_join((pthread_t)thread, 0); }
    """
    const int MM_LOOK_QUIT
    const int MM_LOOK_SIGNAL
    const int MM_LOOK_CONTROL
    int mm_forks
    void mm_count_forks()
    int mm_quit_event()
    int mm_look(int quit, int signal, int control)
    int mm_start_thread(unsigned long *thread, void *(*run)(void *) noexcept nogil, void *argument)
    void mm_join(unsigned long thread)

mm_count_forks()


cdef int throw_away(int signal) noexcept nogil:
    """Read what a hub has sent to wake us; 0 if it has let go of its end."""
    cdef char[64] ignored
    cdef ssize_t count = sizeof(ignored)
    while count == sizeof(ignored):
        count = recv(signal, ignored, sizeof(ignored), MSG_DONTWAIT)
    return count != 0


cdef void *watch(void *argument) noexcept nogil:
    cdef Lookout *lookout = <Lookout *> argument
    cdef int what
    while not mm_load32(&lookout.over):
        what = mm_look(lookout.quit, lookout.signal, lookout.control)
        if what < 0 or what & MM_LOOK_QUIT:
            return NULL
        if what & MM_LOOK_SIGNAL and not throw_away(lookout.signal):
            lookout.signal = -1  # its end would only keep us awake
        if what & MM_LOOK_CONTROL:
            mm_store32(&lookout.seen, 1)
        mm_bell_wake_all(lookout.bell)
        while mm_load32(&lookout.seen) and not mm_load32(&lookout.over):
            mm_futex_wait(&lookout.seen, 1, MM_NO_DEADLINE)
    return NULL


cdef bint lookout_here(Lookout *lookout) noexcept nogil:
    """Whether this process has the thread."""
    return lookout.posted and lookout.forks == mm_forks


cdef bint lookout_start(Lookout *lookout) noexcept nogil:
    """Start the thread; False if there can be none: then nobody may sleep on the bell."""
    lookout_stop(lookout)
    lookout.over = lookout.seen = 0
    lookout.forks = mm_forks
    lookout.quit = mm_quit_event()
    if lookout.quit < 0:
        return False
    if mm_start_thread(&lookout.thread, watch, lookout):
        close(lookout.quit)
        return False
    lookout.posted = True
    return True


cdef void lookout_stop(Lookout *lookout) noexcept nogil:
    """End the thread and wait until it is gone, which takes no longer than the scheduler does."""
    cdef uint64_t one = 1
    if not lookout.posted:
        return
    lookout.posted = False
    if lookout.forks == mm_forks:
        mm_store32(&lookout.over, 1)
        lookout_again(lookout)
        write(lookout.quit, &one, 8)
        mm_join(lookout.thread)
    close(lookout.quit)


cdef void lookout_again(Lookout *lookout) noexcept nogil:
    """Somebody has looked and found nothing: watch on."""
    mm_store32(&lookout.seen, 0)
    mm_futex_wake(&lookout.seen, 1)
