# cython: language_level=3
"""The client's end of an attachment: taking frames off a ring, filling posted ones.

docs/design/0001 says who writes which word of the rings.
"""

cimport cython
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t

from mediamesh_native.attachment cimport Mapping, Port
from mediamesh_native.frame cimport Frame, SinkFrame, SourceFrame
from mediamesh_native.layout cimport (
    MM_FRAME_MAGIC, mm_desc, mm_header, mm_info, mm_latency_bucket, mm_load16, mm_load64, mm_monotonic, mm_store16, mm_store64,
    mm_swap64, mm_take_desc,
)

from mediamesh_native.live import live_objects
from mediamesh_native.sleeper import Wait

# What is cimported has no Python name; these are part of this module's surface.
globals().update(Frame=Frame, Port=Port, SinkFrame=SinkFrame, SourceFrame=SourceFrame)

cdef object _READY = Wait.READY


@cython.no_gc_clear
cdef class SinkPort(Port):
    """Takes the frames of a flow."""

    cdef readonly int64_t last_sequence
    cdef uint16_t m2s_tail
    cdef uint64_t received
    cdef uint64_t returned
    cdef uint64_t damaged
    cdef uint64_t latency[96]

    def __cinit__(self):
        self.last_sequence = -1

    def _default_frame(self):
        return SinkFrame

    cdef bint _ready(self) noexcept nogil:
        return mm_load16(&self.s2m.head) != <uint16_t> mm_load64(&self.extension.claim)

    cdef bint _is_waiting(self, uint16_t region) noexcept nogil:
        cdef uint16_t head = mm_load16(&self.s2m.head)
        cdef uint16_t place = <uint16_t> mm_load64(&self.extension.claim)
        cdef uint32_t most = <uint32_t> self.s2m_mask + 1
        while place != head and most:
            if mm_take_desc(self.s2m, place & self.s2m_mask).region == region:
                return True
            place += 1
            most -= 1
        return False

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
        frame.mapping, frame.desc, frame.port, frame.header_size = mapping, desc[0], self, self.header_size
        frame._read_header(info)
        if frame.status:
            self.damaged += 1
            mm_store64(&self.extension.damaged, self.damaged)
        self.outstanding += 1
        self.last_sequence = <int64_t> info.sequence
        self._count(frame.sent)
        return 0

    cdef void _count(self, int64_t sent) noexcept nogil:
        cdef unsigned bucket
        cdef int64_t age = <int64_t> mm_monotonic() - sent
        self.received += 1
        self.burst += 1
        mm_store64(&self.extension.received, self.received)
        if sent > 0 and age >= 0:
            bucket = mm_latency_bucket(<uint64_t> age)
            self.latency[bucket] += 1
            mm_store64(&self.extension.latency[bucket], self.latency[bucket])

    cdef void _hand_back(self, mm_desc *desc, bint forgotten) noexcept:
        self.outstanding -= 1
        self.forgotten += forgotten
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


@cython.no_gc_clear
cdef class SourcePort(Port):
    """Fills the frames of a flow."""

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
        frame.mapping, frame.desc, frame.port, frame.header_size = mapping, desc[0], self, self.header_size
        frame.payload_length = desc.length - self.header_size
        if frame.payload_length > self.capacity:
            frame.payload_length = self.capacity
        self.outstanding += 1
        return 0

    cdef void _hand_back(self, mm_desc *desc, bint forgotten) noexcept:
        self.outstanding -= 1
        self.forgotten += forgotten
        self.kept.append((desc.region, desc.offset, desc.length))

    cdef uint64_t _send(self, mm_desc *desc) except? 0:
        cdef uint64_t sequence = self.next_sequence
        self.outstanding -= 1
        self.next_sequence += 1
        self._put(desc)
        return sequence

    cdef void _put(self, mm_desc *desc) noexcept nogil:
        cdef mm_desc *slot = &self.m2s.desc[self.m2s_tail & self.m2s_mask]
        slot.flags = 0
        slot.region, slot.offset, slot.length, slot.metadata = desc.region, desc.offset, desc.length, 0
        self.m2s_tail += 1
        self.burst += 1
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
