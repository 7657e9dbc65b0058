from libc.stdint cimport uint32_t

from mediamesh_native.flowtable cimport FlowTable
from mediamesh_native.model cimport Attachment, Flow, Role
from mediamesh_native.pool cimport RingRegion
from mediamesh_native.stockrings cimport StockRings


cdef class Roster(FlowTable):
    cdef Attachment *_peer(self, number) except NULL
    cdef int _number(self, Flow *flow, Attachment *peer) except -1
    cdef Attachment *_connect_rings(self, RingRegion rings, uint32_t queue, Role role) except NULL
    cdef Attachment *_connect_stock(self, StockRings rings, uint32_t queue, Role role) except NULL
    cdef _enlist(self, Attachment *peer, rings)
    cdef _watch(self, Attachment *peer, int fd)
    cdef _enlist_stock(self, Attachment *peer)
    cdef void _delist_stock(self, Attachment *peer) noexcept
    cdef _begin(self, Flow *flow, Attachment *sink, bint newest)
    cdef _make_slots(self, Attachment *sink)
    cdef _make_queue(self, Attachment *sink)
    cdef _join(self, Flow *flow, Attachment *sink)
    cdef void _leave(self, Flow *flow, Attachment *sink) noexcept
    cdef void _forget(self, Attachment *peer)
    cdef void _take_posted(self, Flow *flow) noexcept
    cdef _count(self, Attachment *peer)
