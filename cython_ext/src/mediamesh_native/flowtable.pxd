from libc.stdint cimport uint32_t, uint64_t

from mediamesh_native.enginethread cimport EngineThread
from mediamesh_native.model cimport Flow, PoolState
from mediamesh_native.pool cimport Pool


cdef class FlowTable(EngineThread):
    cdef uint32_t next_flow
    cdef dict _flows  # number -> address

    cdef Flow *_flow(self, number) except NULL
    cdef Flow *_new_flow(self, uint32_t number, uint64_t next_sequence) except NULL
    cdef PoolState *_new_pool(self, Flow *flow, Pool pool, uint32_t region) except NULL
    cdef void _forget_pool(self, Flow *flow, PoolState *pool)
