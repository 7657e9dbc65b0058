# cython: language_level=3
"""Frame pools and ring regions: memory that the hub makes and owns.

Both are memfds sealed against shrinking, so nobody who was given one can make the hub (or
another client) touch pages that are gone. Pages are allocated before use: a pool that does not
fit is an error here, never a SIGBUS later. They are cleared before use too. The kernel would clear each when
it is first touched, and maps pages that are not clear yet one by one, others by sixteen: a client that maps
a frame of 8 MB would wait five times as long.

A pool is sealed once more (`F_SEAL_FUTURE_WRITE`) as soon as its producer has mapped it: from
then on the kernel refuses every new way to write it, to everybody. The hub itself needs no
mapping of a pool to move its frames; it maps those it copies for a stock memif peer.

A client that sleeps on a descriptor is woken on a socket pair of which the hub keeps one end. An eventfd would be one open file that both have: the
client could take O_NONBLOCK off and fill it. A pipe has two open files but one mutex, which a reader holds while it
faults in the page that it reads into; on a slow file system of its own that is for ever, and no signal gets the
writer out. A send with MSG_DONTWAIT waits for nothing that the other end could hold.
"""

import errno
import fcntl
import os
import socket
import warnings

from libc.stdint cimport uint64_t
from posix.mman cimport MAP_FAILED, MAP_SHARED, PROT_READ, PROT_WRITE, mmap, munmap
from posix.unistd cimport close

from mediamesh_native.bell cimport MM_BELL_OFFERED
from mediamesh_native.layout cimport MM_COOKIE, MM_HEADER_SIZE, MM_MASK_INT, mm_extension, mm_ring

from mediamesh_native import live

cdef extern from "<fcntl.h>" nogil:
    int fallocate(int fd, int mode, long long offset, long long length)

cdef extern from "<errno.h>" nogil:
    int errno_now "errno"

HEADER_SIZE = int(MM_HEADER_SIZE)
_PAGE = 4096
_HUGE_PAGE = 2 << 20
_PORTION = 1 << 20  # stays in the processor's cache
_LIMIT = 1 << 32  # memif offsets have 32 bits
_FIXED_SIZE = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW
_FUTURE_WRITE = 0x10  # F_SEAL_FUTURE_WRITE, Linux 5.1


class PoolError(OSError):
    """The memory cannot be had; `reason` is a stable CamelCase word."""

    def __init__(self, code, reason, message):
        super().__init__(code, message)
        self.reason = reason


def _round_up(value, unit):
    return -(-value // unit) * unit


cdef class Pool:
    """One sealed memfd with `frames` frames of a header page and `capacity` payload bytes."""

    def __cinit__(self):
        self.fd = -1
        self.closed = True
        self.base = NULL

    def __init__(self, frames, capacity, *, huge_pages=False, fd=-1):
        stride = HEADER_SIZE + _round_up(capacity, _PAGE)
        size = _round_up(stride * frames, _HUGE_PAGE if huge_pages else _PAGE)
        if frames < 1 or capacity < 1 or size >= _LIMIT:
            raise PoolError(errno.EINVAL, "PoolTooLarge", f"{frames} frames of {capacity} bytes do not fit in 4 GiB")
        self.frames, self.capacity, self.stride, self.size = frames, capacity, stride, size
        if fd >= 0:
            if os.fstat(fd).st_size < size:
                raise PoolError(errno.EINVAL, "PoolMismatch", "the descriptor is smaller than the pool it should hold")
            self.fd = fd
            self.sealed = bool(fcntl.fcntl(fd, fcntl.F_GET_SEALS) & _FUTURE_WRITE)
        else:
            self._allocate(huge_pages)
        self.closed = False
        live.opened("pool")

    def _allocate(self, huge_pages):
        flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING | (os.MFD_HUGETLB if huge_pages else 0)
        self.fd = os.memfd_create("mediamesh-pool", flags)
        try:
            os.ftruncate(self.fd, self.size)
            fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, _FIXED_SIZE)
            self._fault_in(huge_pages)
            if not huge_pages:  # those are cleared when they are allocated, and cannot be written to by a call
                self._clear()
        except BaseException as error:
            os.close(self.fd)
            self.fd = -1
            if isinstance(error, OSError) and not isinstance(error, PoolError):
                raise PoolError(error.errno, "OutOfMemory", f"{self.size} bytes are not to be had: {error.strerror}") from error
            raise

    def _fault_in(self, huge_pages):
        cdef int fd = self.fd, result, code
        cdef uint64_t size = self.size
        while True:
            with nogil:
                result = fallocate(fd, 0, 0, <long long> size)
                code = errno_now
            if result == 0:
                return
            if code != errno.EINTR:
                break
        reason = "HugePagesShort" if huge_pages else "OutOfMemory"
        raise PoolError(code, reason, f"{self.size} bytes of {'huge pages' if huge_pages else 'memory'} are not to be had")

    def _clear(self):
        """Write zeros; not through a mapping, since to fill one keeps all others of the process waiting."""
        zeros = bytes(_PORTION)
        for offset in range(0, self.size, _PORTION):
            os.pwrite(self.fd, zeros[: self.size - offset], offset)

    def seal(self):
        """Let nobody map the pool writable from now on, and let nobody undo that.

        Raises PoolError (SealRefused) if the producer, who had the descriptor first, has prevented it.
        """
        try:
            fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, _FUTURE_WRITE | fcntl.F_SEAL_SEAL)
        except OSError as error:
            raise PoolError(error.errno, "SealRefused", "the pool cannot be sealed: its producer locked the seals") from error
        self.sealed = True

    cdef char *mapped(self) except NULL:
        """Map the pool into this process, for the copies that stock memif peers need: writable unless it is sealed."""
        cdef void *base
        if self.base == NULL:
            base = mmap(NULL, self.size, PROT_READ | (0 if self.sealed else PROT_WRITE), MAP_SHARED, self.fd, 0)
            if base == MAP_FAILED:
                raise PoolError(errno_now, "OutOfMemory", "the pool cannot be mapped")
            self.base = <char *> base
            self.writable = not self.sealed
        return self.base

    def close(self):
        """Give the memory back, as far as no client has it mapped. Takes long for large pools and releases the GIL."""
        cdef char *base = self.base
        cdef uint64_t size = self.size
        cdef int fd = self.fd
        if self.closed:
            return
        self.closed = True
        self.base = NULL
        self.fd = -1
        with nogil:
            if base != NULL:
                munmap(base, size)
            close(fd)
        live.closed("pool")

    def __dealloc__(self):
        if not self.closed:
            self.close()
            warnings.warn("a frame pool was dropped open", ResourceWarning)


cdef class RingRegion:
    """Region 0 of one attachment: S2M ring, M2S ring and the extension page (docs/design/0001)."""

    def __cinit__(self):
        self.fd = self.s2m_signal = self.s2m_event = self.m2s_event = -1
        self.closed = True
        self.base = NULL

    def __init__(self, queue, *, fd=-1, s2m_signal=-1, m2s_event=-1):
        if not 1 <= queue <= 1 << 14:
            raise ValueError(f"queue {queue} is not in 1..16384")
        self.s2m_log2 = self.m2s_log2 = max(1, (queue - 1).bit_length())
        self.s2m_offset = 0
        self.m2s_offset = _round_up(128 + (32 << self.s2m_log2), _PAGE)
        self.extension_offset = self.m2s_offset + _round_up(128 + (16 << self.m2s_log2), _PAGE)
        self.size = self.extension_offset + _PAGE
        if fd >= 0:
            self.fd, self.s2m_signal, self.m2s_event = fd, s2m_signal, m2s_event
            if os.fstat(fd).st_size < self.size:
                raise PoolError(errno.EINVAL, "PoolMismatch", "the descriptor is smaller than the rings it should hold")
            self._map()
        else:
            try:
                self._allocate()
                self._map()
            except BaseException:
                self._close_descriptors()
                raise
            self._reset(<mm_ring *> self.base)
            self._reset(<mm_ring *> (self.base + self.m2s_offset))
            (<mm_extension *> (self.base + self.extension_offset)).bell = MM_BELL_OFFERED
        self.closed = False
        live.opened("rings")

    def _allocate(self):
        self.fd = os.memfd_create("mediamesh-rings", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.s2m_signal, self.s2m_event = ours.detach(), theirs.detach()
        self._make_one_way()
        self.m2s_event = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        os.ftruncate(self.fd, self.size)
        os.posix_fallocate(self.fd, 0, self.size)
        fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, _FIXED_SIZE | fcntl.F_SEAL_SEAL)

    def _make_one_way(self):
        """The client sends nothing back, descriptors least of all; and a few signals in waiting are as good as many."""
        with socket.socket(fileno=os.dup(self.s2m_signal)) as ours:
            ours.shutdown(socket.SHUT_RD)
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 0)

    def given_away(self):
        """Close the end at which the client is woken: the client has it now, and must be the last who has."""
        if self.s2m_event >= 0:
            os.close(self.s2m_event)
            self.s2m_event = -1

    def _map(self):
        cdef void *base = mmap(NULL, self.size, PROT_READ | PROT_WRITE, MAP_SHARED, self.fd, 0)
        if base == MAP_FAILED:
            raise PoolError(errno_now, "OutOfMemory", "the rings cannot be mapped")
        self.base = <char *> base

    cdef void _reset(self, mm_ring *ring) noexcept:
        ring.cookie = MM_COOKIE
        ring.flags = MM_MASK_INT
        ring.head = 0
        ring.tail = 0

    def close(self):
        """Unmap the rings and close the descriptors; the client's own mappings stay its own."""
        if self.closed:
            return
        self.closed = True
        munmap(self.base, self.size)
        self._close_descriptors()
        live.closed("rings")

    def _close_descriptors(self):
        for fd in (self.fd, self.s2m_signal, self.s2m_event, self.m2s_event):
            if fd >= 0:
                os.close(fd)
        self.fd = self.s2m_signal = self.s2m_event = self.m2s_event = -1

    def __dealloc__(self):
        if not self.closed:
            self.close()
            warnings.warn("a ring region was dropped open", ResourceWarning)
