# cython: language_level=3
"""Frames in hand: what applications read and write.

A frame keeps its pool mapped, so views of it stay readable whatever happens to the port. It goes back when it is released *and* its last
view is gone: nobody can read a picture that the source is already overwriting.
"""

cimport cython
from cpython.buffer cimport PyBuffer_FillInfo
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy

from mediamesh_native.layout cimport (
    MM_FRAME_MAGIC, MM_METADATA_MAX, MM_METADATA_OFFSET, mm_header, mm_info, mm_monotonic, mm_tai,
)


@cython.no_gc_clear  # a frame in a reference cycle still has to find its port
cdef class Frame:
    """One frame in hand. Supports the buffer protocol: the payload as one row of unsigned bytes."""

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


@cython.no_gc_clear
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
        self.payload_length = self.desc.length - self.header_size
        if header.magic != MM_FRAME_MAGIC:
            self.status = 2
            return
        self.flags |= header.flags
        self.time, self.rtp_timestamp, self.duration = header.time, header.rtp_timestamp, header.duration
        self.status, self.sent = header.status, header.sent
        self.metadata_length = min(header.metadata_length, MM_METADATA_MAX)

    def __getbuffer__(self, Py_buffer *view, int flags):
        self._ensure_in_hand()
        PyBuffer_FillInfo(view, self, self.base + self.header_size, self.payload_length, True, flags)
        self.exports += 1

    def __releasebuffer__(self, Py_buffer *view):
        self.exports -= 1
        if self.exports == 0 and self.done:
            self._give_back()

    def release(self):
        """Give the frame back, now or when its last view goes. A second call does nothing."""
        if self.done:
            return
        self.done = True
        if self.exports == 0:
            self._give_back()

    cdef void _give_back(self) noexcept:
        if self.port is not None:
            self.port._hand_back(&self.desc, False)
        self.port = None
        self.mapping = None

    def __enter__(self):
        self._ensure_in_hand()
        return self

    def __exit__(self, exc_type, exc, tb):
        self.release()

    def __dealloc__(self):
        # Nobody can see it any more, so nobody can be told; the port counts it.
        if self.port is not None:
            self.port._hand_back(&self.desc, not self.done)


@cython.no_gc_clear
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
        return self.desc.length - self.header_size

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
        PyBuffer_FillInfo(view, self, self.base + self.header_size, self.desc.length - self.header_size, False, flags)

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
        self._ensure_in_hand()
        self.port._ensure_open()
        self._write_header(self.port.next_sequence)
        self.desc.length = <uint32_t> (self.header_size + self.payload_length)
        self.sequence = self.port._send(&self.desc)
        self.done = True
        self.port = None
        return self.sequence

    def cancel(self):
        """Give the frame back unsent. A second call does nothing."""
        if self.done or self.port is None:
            return
        self.done = True
        self.port._hand_back(&self.desc, False)
        self.port = None

    def __enter__(self):
        self._ensure_in_hand()
        return self

    def __exit__(self, exc_type, exc, tb):
        self.cancel()

    def __dealloc__(self):
        if self.port is not None:
            self.port._hand_back(&self.desc, True)
