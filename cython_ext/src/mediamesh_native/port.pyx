# cython: language_level=3
"""The client's end of an attachment: what an application's process maps and touches.

A port owns the mappings and eventfds of one attachment. Under load it makes no system call: a sink takes frames off
its ring, a source takes posted buffers, and each tells the other side "I am awake" by a flag. Only `wait` sleeps, without the
GIL, in an epoll set of the ring's eventfd and the attach socket.

Threads: every method but `wait` runs with the GIL held from beginning to end, so a port may be shared.
"""

import enum
import errno as errno_codes
import os
import select
import warnings

from cpython.buffer cimport PyBuffer_FillInfo
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy
from posix.mman cimport MAP_FAILED, MAP_SHARED, PROT_READ, PROT_WRITE, mmap, munmap
from posix.unistd cimport read, write

from mediamesh_native.layout cimport (
    MM_COOKIE, MM_FRAME_MAGIC, MM_HEADER_SIZE, MM_MASK_INT, MM_METADATA_MAX, MM_METADATA_OFFSET,
    mm_desc, mm_extension, mm_fence, mm_header, mm_info, mm_latency_bucket, mm_load16, mm_load64, mm_monotonic, mm_ring, mm_store16,
    mm_store64, mm_swap64, mm_tai, mm_take_desc, ring_info,
)

from mediamesh_native import live
from mediamesh_native.live import live_objects

cdef extern from "<errno.h>" nogil:
    int errno
    const int EINTR

cdef extern from "<sys/epoll.h>" nogil:
    const unsigned EPOLLIN
    const unsigned EPOLLET
    const unsigned EPOLLRDHUP
    const int EPOLL_CTL_ADD
    const int EPOLL_CTL_MOD

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
    static int mm_watch(int epoll, int operation, int fd, unsigned events, unsigned what) {
        struct epoll_event event = {.events = events, .data = {.u32 = what}};
        return epoll_ctl(epoll, operation, fd, &event);
    }
    /* What is ready (MM_EVENT | MM_SOCKET), 0 at the time-out, -1 with errno. */
    static int mm_sleep(int epoll, int64_t nanoseconds) {
        struct epoll_event events[2];
        struct timespec limit = {nanoseconds / 1000000000, nanoseconds % 1000000000};
        int what = 0, count = epoll_pwait2(epoll, events, 2, nanoseconds < 0 ? 0 : &limit, 0);
        if (count < 0) return -1;
        for (int i = 0; i < count; i++) what |= (int)events[i].data.u32;
        return what;
    }
    """
    const int MM_EVENT
    const int MM_SOCKET
    const int MADV_POPULATE_READ
    const int MADV_POPULATE_WRITE
    int mm_watch(int epoll, int operation, int fd, unsigned events, unsigned what)
    int mm_sleep(int epoll, int64_t nanoseconds)
    int madvise(void *base, size_t size, int advice)


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

    cdef char *base
    cdef uint64_t size
    cdef uint64_t stride
    cdef bint writable
    cdef bytearray populated

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


cdef class _Port:
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
    cdef uint32_t header_size
    cdef uint64_t capacity
    cdef uint64_t stride
    cdef list regions
    cdef object frame_class
    cdef bint external  # the application polls fileno() itself
    cdef bint blocked  # what comes next needs a control message first
    cdef bint closing
    cdef int waiters
    cdef readonly bint closed
    cdef readonly unsigned int outstanding
    cdef object __weakref__

    def __cinit__(self):
        self.closed = True
        self.epoll = self.s2m_event = self.m2s_event = -1

    def __init__(
        self, *, socket, rings, rings_size, s2m_offset, s2m_log2, s2m_event, m2s_offset, m2s_log2, m2s_event,
        header_size, capacity, frame_class=None,
    ):
        if header_size < MM_HEADER_SIZE or header_size % 4096 or not capacity:
            raise ValueError(f"header size {header_size} or capacity {capacity} is not one of ours")
        self.header_size, self.capacity = header_size, capacity
        self.stride = header_size + -(-capacity // 4096) * 4096
        self._map_rings(rings, rings_size, s2m_offset, s2m_log2, m2s_offset, m2s_log2)
        self.regions = [None] * 256
        self.frame_class = frame_class or self._default_frame()
        self.socket = socket
        epoll = select.epoll(flags=select.EPOLL_CLOEXEC)
        self.epoll = os.dup(epoll.fileno())
        epoll.close()
        self.s2m_event, self.m2s_event = s2m_event, m2s_event
        mm_watch(self.epoll, EPOLL_CTL_ADD, s2m_event, EPOLLIN | EPOLLET, MM_EVENT)
        mm_watch(self.epoll, EPOLL_CTL_ADD, socket, EPOLLIN | EPOLLRDHUP, MM_SOCKET)
        self.closed = False
        live.opened("port")

    def _map_rings(self, fd, size, s2m_offset, s2m_log2, m2s_offset, m2s_log2):
        cdef void *base
        extension = m2s_offset + -(-(128 + (16 << m2s_log2)) // 4096) * 4096
        if max(s2m_log2, m2s_log2) > 14 or s2m_offset + 128 + (32 << s2m_log2) > m2s_offset or extension + 4096 > size:
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
        """Map a pool. A number used before: the older mapping lives on while its frames do."""
        self._ensure_open()
        self.regions[index] = Mapping(fd, size, self.stride, self._writable())
        self.blocked = False

    cdef bint _writable(self) noexcept:
        return False

    cdef bint _ready(self) noexcept nogil:
        """Whether there is something to take."""
        return False

    cdef void _before_sleep(self) noexcept nogil:
        pass

    def _default_frame(self):
        raise TypeError("use SinkPort or SourcePort")

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

    cdef int _sleep(self, uint64_t deadline, bint endless) noexcept nogil:
        """MM_EVENT if there is something to take, MM_SOCKET, 0 at the deadline, -1 with errno."""
        cdef int what
        cdef uint64_t now = 0
        while True:
            if not self.blocked:
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
            if self.external and what & MM_EVENT:
                self._clear_event()
            if self._ready() and not self.blocked:
                return MM_EVENT
            if what & MM_SOCKET:
                return MM_SOCKET
            if what == 0 and not endless and mm_monotonic() >= deadline:
                return 0

    cdef void _clear_event(self) noexcept nogil:
        """Make the eventfd unreadable, but not if there is something to take."""
        cdef uint64_t count = 1
        read(self.s2m_event, &count, 8)
        mm_fence()
        if self._ready():
            count = 1
            write(self.s2m_event, &count, 8)

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
            self.waiters -= 1
            if self.closing and not self.waiters:
                self._release_all()
        self._ensure_open()
        if what == MM_EVENT:
            if not self.external:
                mm_store16(&self.s2m.flags, MM_MASK_INT)
            return _READY
        return _CONTROL if what else _TIMEOUT

    def fileno(self):
        """An epoll descriptor, readable while there may be something to take or a control message.

        From the first call on the hub signals always, since it cannot know when the application sleeps. Take until None.
        """
        self._ensure_open()
        if not self.external:
            self.external = True
            mm_watch(self.epoll, EPOLL_CTL_MOD, self.s2m_event, EPOLLIN, MM_EVENT)
            mm_store16(&self.s2m.flags, 0)
            self._clear_event()
        return self.epoll

    def close(self):
        """Unmap and close. Frames in hand become closed; views of them stay readable until dropped."""
        cdef uint64_t one = 1
        if self.closed or self.closing:
            return
        self.closing = True
        if self.waiters:
            write(self.s2m_event, &one, 8)
        else:
            self._release_all()

    cdef void _release_all(self):
        self.closed = True
        munmap(self.rings, self.rings_size)
        self.rings = NULL
        self.regions = []
        for fd in (self.epoll, self.s2m_event, self.m2s_event):
            os.close(fd)
        live.closed("port")

    def __dealloc__(self):
        if not self.closed:
            warnings.warn("a port was dropped open", ResourceWarning)
            self._release_all()


cdef class Frame:
    """One frame in hand. Supports the buffer protocol: the payload as one row of unsigned bytes."""

    cdef _Port port
    cdef Mapping mapping
    cdef char *base
    cdef mm_desc desc
    cdef uint64_t payload_length
    cdef uint32_t exports
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

    @property
    def closed(self):
        """Whether the frame has been released, sent or cancelled, or its port closed."""
        return self.done or self.port is None or self.port.closed

    def __len__(self):
        return self.payload_length

    cdef int _ensure_in_hand(self) except -1:
        if self.done or self.port is None:
            raise ValueError("the frame is no longer in hand")
        return 0

    def __releasebuffer__(self, Py_buffer *view):
        self.exports -= 1
        if self.exports == 0 and self.done:
            self._give_back()

    cdef void _give_back(self) noexcept:
        pass


cdef class SinkFrame(Frame):
    """A received frame: read-only. Goes back to the hub by `release`, as soon as no view of it is alive."""

    @property
    def length(self):
        """Payload bytes."""
        return self.payload_length

    @property
    def metadata(self):
        """User metadata as the source gave it."""
        if self.own_metadata is None:
            self._ensure_in_hand()
            self.own_metadata = PyBytes_FromStringAndSize(self.base + MM_METADATA_OFFSET, self.metadata_length)
        return self.own_metadata

    cdef void _read_header(self, mm_info *info) noexcept:
        """Copy the header once. What the hub said stands; what the source wrote is limited to what can be."""
        cdef mm_header header
        memcpy(&header, self.base, sizeof(mm_header))
        self.sequence = info.sequence
        self.flags = info.flags
        self.payload_length = self.desc.length - self.port.header_size
        if header.magic != MM_FRAME_MAGIC:
            self.status = 2
            return
        self.flags |= header.flags
        self.time, self.rtp_timestamp, self.duration = header.time, header.rtp_timestamp, header.duration
        self.status, self.sent = header.status, header.sent
        self.metadata_length = min(header.metadata_length, MM_METADATA_MAX)

    def __getbuffer__(self, Py_buffer *view, int flags):
        self._ensure_in_hand()
        PyBuffer_FillInfo(view, self, self.base + self.port.header_size, self.payload_length, True, flags)
        self.exports += 1

    def release(self):
        """Give the frame back, now or when its last view goes. A second call does nothing."""
        if self.done:
            return
        self.done = True
        if self.exports == 0:
            self._give_back()

    cdef void _give_back(self) noexcept:
        if self.port is not None:
            (<SinkPort> self.port)._return(&self.desc)
        self.port = None

    def __enter__(self):
        self._ensure_in_hand()
        return self

    def __exit__(self, exc_type, exc, tb):
        self.release()

    def __dealloc__(self):
        # Nobody can see it any more, so nobody can be told; the port counts it.
        if self.port is not None:
            if not self.done:
                (<SinkPort> self.port).forgotten += 1
            (<SinkPort> self.port)._return(&self.desc)


cdef class SourceFrame(Frame):
    """A frame to fill: writable, `capacity` bytes; `length` says how many are sent."""

    @property
    def length(self):
        """Payload bytes that `send` sends; all of them unless set."""
        return self.payload_length

    @length.setter
    def length(self, value):
        if not 0 <= value <= self.capacity:
            raise ValueError(f"length {value} is not in 0..{self.capacity}")
        self.payload_length = value

    @property
    def capacity(self):
        """Payload bytes the frame can hold."""
        return self.desc.length - MM_HEADER_SIZE

    @property
    def metadata(self):
        """User metadata to send, at most 3968 bytes."""
        return self.own_metadata or b""

    @metadata.setter
    def metadata(self, value):
        value = bytes(value)
        if len(value) > MM_METADATA_MAX:
            raise ValueError(f"{len(value)} bytes of metadata are more than {MM_METADATA_MAX}")
        self.own_metadata = value

    def __getbuffer__(self, Py_buffer *view, int flags):
        self._ensure_in_hand()
        PyBuffer_FillInfo(view, self, self.base + self.port.header_size, self.desc.length - MM_HEADER_SIZE, False, flags)
        self.exports += 1

    cdef void _write_header(self, uint64_t sequence) noexcept:
        cdef mm_header *header = <mm_header *> self.base
        cdef Py_ssize_t extra = 0
        if self.own_metadata is not None:
            extra = len(self.own_metadata)
            memcpy(self.base + MM_METADATA_OFFSET, <char *> self.own_metadata, extra)
        header.magic, header.flags, header.sequence = MM_FRAME_MAGIC, self.flags, sequence
        header.time = self.time or mm_tai()
        header.rtp_timestamp, header.status, header.duration = self.rtp_timestamp, self.status, self.duration
        header.payload_length, header.metadata_length = self.payload_length, <uint32_t> extra
        header.sent = <int64_t> mm_monotonic()

    def send(self):
        """Hand the frame to the flow; returns its sequence number. A time not set is now."""
        cdef SourcePort port
        self._ensure_in_hand()
        port = self.port
        port._ensure_open()
        self.done = True
        self.port = None
        self._write_header(port.next_sequence)
        self.sequence = port.next_sequence
        self.desc.length = <uint32_t> (MM_HEADER_SIZE + self.payload_length)
        port._send(&self.desc)
        return self.sequence

    def cancel(self):
        """Give the frame back unsent. A second call does nothing."""
        cdef SourcePort port
        if self.done or self.port is None:
            return
        port = self.port
        self.done = True
        self.port = None
        port._keep(&self.desc)

    def __enter__(self):
        self._ensure_in_hand()
        return self

    def __exit__(self, exc_type, exc, tb):
        self.cancel()

    def __dealloc__(self):
        if self.port is not None and not self.done:
            (<SourcePort> self.port)._keep(&self.desc)


cdef class SinkPort(_Port):
    """Takes the frames of a flow."""

    cdef readonly int64_t last_sequence
    cdef readonly unsigned int forgotten
    cdef uint16_t m2s_tail
    cdef uint64_t received
    cdef uint64_t returned
    cdef uint64_t latency[96]

    def __cinit__(self):
        self.last_sequence = -1

    def _default_frame(self):
        return SinkFrame

    cdef bint _ready(self) noexcept nogil:
        return mm_load16(&self.s2m.head) != <uint16_t> mm_load64(&self.extension.claim)

    cdef int _claim(self, mm_desc *desc, mm_info *info) except -1:
        """Take the oldest waiting frame; 0 if none waits, or if its region is not known yet."""
        cdef uint64_t claim
        cdef uint16_t waiting
        while True:
            claim = mm_load64(&self.extension.claim)
            waiting = <uint16_t> (mm_load16(&self.s2m.head) - <uint16_t> claim)
            if waiting == 0:
                return 0
            # The hub may withdraw frames meanwhile: then the swap fails and all of this is read anew.
            desc[0] = mm_take_desc(self.s2m, <uint16_t> claim & self.s2m_mask)
            info[0] = self.info[claim & self.s2m_mask]
            if desc.region >= 256 or self.regions[desc.region] is None:
                if mm_load64(&self.extension.claim) != claim:
                    continue
                self.blocked = True
                return 0
            if mm_swap64(&self.extension.claim, claim, claim + 1):
                return 1

    def take(self):
        """The next frame, or None: then `wait`."""
        cdef SinkFrame frame
        cdef mm_desc desc
        cdef mm_info info
        self._ensure_open()
        if not self._claim(&desc, &info):
            if not self.external or self.blocked:
                return None
            self._clear_event()
            if not self._claim(&desc, &info):
                return None
        frame = self.frame_class.__new__(self.frame_class)
        self._fill(frame, &desc, &info)
        return frame

    cdef int _fill(self, SinkFrame frame, mm_desc *desc, mm_info *info) except -1:
        cdef Mapping mapping = self.regions[desc.region]
        frame.base = mapping.frame(desc.offset, desc.length)
        if frame.base == NULL or desc.length < self.header_size:
            raise ValueError("the hub described a frame outside its pool")
        frame.mapping, frame.desc, frame.port = mapping, desc[0], self
        frame._read_header(info)
        self.outstanding += 1
        self.last_sequence = <int64_t> info.sequence
        self._count(frame.sent)
        return 0

    cdef void _count(self, int64_t sent) noexcept nogil:
        cdef unsigned bucket
        cdef int64_t age = <int64_t> mm_monotonic() - sent
        self.received += 1
        mm_store64(&self.extension.received, self.received)
        if sent > 0 and age >= 0:
            bucket = mm_latency_bucket(<uint64_t> age)
            self.latency[bucket] += 1
            mm_store64(&self.extension.latency[bucket], self.latency[bucket])

    cdef void _return(self, mm_desc *desc) noexcept:
        if self.outstanding:
            self.outstanding -= 1
        if not self.closed:
            self._give_back(desc)

    cdef void _give_back(self, mm_desc *desc) noexcept nogil:
        cdef mm_desc *slot = &self.m2s.desc[self.m2s_tail & self.m2s_mask]
        slot.flags = 0
        slot.region, slot.offset, slot.length, slot.metadata = desc.region, desc.offset, 0, desc.metadata
        self.m2s_tail += 1
        self.returned += 1
        mm_store64(&self.extension.returned, self.returned)
        mm_store16(&self.m2s.tail, self.m2s_tail)
        self._wake_hub()


cdef class SourcePort(_Port):
    """Fills the frames of a flow."""

    cdef public uint64_t next_sequence
    cdef uint16_t m2s_acquired
    cdef uint16_t m2s_tail
    cdef list kept  # cancelled frames, ready to be acquired again

    def __cinit__(self):
        self.kept = []

    def _default_frame(self):
        return SourceFrame

    cdef bint _writable(self) noexcept:
        return True

    cdef bint _ready(self) noexcept nogil:
        return mm_load16(&self.m2s.head) != self.m2s_acquired

    cdef void _before_sleep(self) noexcept nogil:
        # The hub reads returned frames when it has a reason to; a source that waits is one.
        self._signal_hub()

    cdef int _posted(self, mm_desc *desc) except -1:
        if mm_load16(&self.m2s.head) == self.m2s_acquired:
            return 0
        desc[0] = mm_take_desc(self.m2s, self.m2s_acquired & self.m2s_mask)
        if desc.region >= 256 or self.regions[desc.region] is None:
            self.blocked = True
            return 0
        self.m2s_acquired += 1
        return 1

    def acquire(self):
        """A free frame, or None: then `wait`."""
        cdef SourceFrame frame
        cdef mm_desc desc
        self._ensure_open()
        if self.kept:
            desc.region, desc.offset, desc.length = self.kept.pop()
        elif not self._posted(&desc):
            if not self.external or self.blocked:
                return None
            self._clear_event()
            self._signal_hub()
            if not self._posted(&desc):
                return None
        frame = self.frame_class.__new__(self.frame_class)
        self._fill(frame, &desc)
        return frame

    cdef int _fill(self, SourceFrame frame, mm_desc *desc) except -1:
        cdef Mapping mapping = self.regions[desc.region]
        desc.flags, desc.metadata = 0, 0
        frame.base = mapping.frame(desc.offset, desc.length)
        if frame.base == NULL or desc.length < self.header_size:
            raise ValueError("the hub described a frame outside its pool")
        frame.mapping, frame.desc, frame.port = mapping, desc[0], self
        frame.payload_length = desc.length - self.header_size
        if frame.payload_length > self.capacity:
            frame.payload_length = self.capacity
        self.outstanding += 1
        return 0

    cdef void _keep(self, mm_desc *desc) noexcept:
        self.outstanding -= 1
        self.kept.append((desc.region, desc.offset, desc.length))

    cdef void _send(self, mm_desc *desc) noexcept:
        self.outstanding -= 1
        self.next_sequence += 1
        self._put(desc)

    cdef void _put(self, mm_desc *desc) noexcept nogil:
        cdef mm_desc *slot = &self.m2s.desc[self.m2s_tail & self.m2s_mask]
        slot.flags = 0
        slot.region, slot.offset, slot.length, slot.metadata = desc.region, desc.offset, desc.length, 0
        self.m2s_tail += 1
        mm_store16(&self.m2s.tail, self.m2s_tail)
        self._wake_hub()


def drain(SinkPort port, uint64_t count, int64_t timeout_ns):
    """Take and return `count` frames without the interpreter; returns how many came before the time was up."""
    cdef uint64_t done = 0
    cdef mm_desc desc
    cdef mm_info info
    cdef mm_header *header
    cdef Mapping mapping
    cdef char *base
    while done < count:
        while done < count and port._claim(&desc, &info):
            mapping = port.regions[desc.region]
            base = mapping.frame(desc.offset, desc.length)
            if base == NULL:
                raise ValueError("the hub described a frame outside its pool")
            port._count((<mm_header *> base).sent)
            port._give_back(&desc)
            done += 1
        if done < count and port.wait(timeout_ns) is not _READY:
            break
    return done


def pump(SourcePort port, uint64_t count, uint32_t length, int64_t timeout_ns):
    """Fill and send `count` frames of `length` bytes without the interpreter; returns how many went."""
    cdef uint64_t done = 0
    cdef mm_desc desc
    cdef mm_header *header
    cdef Mapping mapping
    while done < count:
        while done < count and port._posted(&desc):
            mapping = port.regions[desc.region]
            header = <mm_header *> mapping.frame(desc.offset, desc.length)
            if header == NULL or length > desc.length - port.header_size:
                raise ValueError("the frames are smaller than that")
            header.magic, header.flags, header.sequence = MM_FRAME_MAGIC, 0, port.next_sequence
            header.time = header.sent = <int64_t> mm_monotonic()
            header.payload_length, header.metadata_length = length, 0
            desc.length = port.header_size + length
            port.next_sequence += 1
            port._put(&desc)
            done += 1
        if done < count and port.wait(timeout_ns) is not _READY:
            break
    return done
