"""A thread that watches descriptors for those who sleep on a bell; see lookout.pyx."""

from libc.stdint cimport uint32_t


cdef struct Lookout:
    unsigned long thread
    bint posted  # the thread was started, by this process or one that it was forked from
    int forks  # how often this process was forked when it was
    int quit  # an eventfd
    int signal  # the socket on which a hub that knows no bell wakes us; -1 once it has ended
    int control  # the descriptor that has something for the application
    uint32_t *bell
    uint32_t seen  # control has had something since somebody last looked
    uint32_t over


cdef bint lookout_here(Lookout *lookout) noexcept nogil
cdef bint lookout_start(Lookout *lookout) noexcept nogil
cdef void lookout_stop(Lookout *lookout) noexcept nogil
cdef void lookout_again(Lookout *lookout) noexcept nogil
cdef int throw_away(int signal) noexcept nogil
