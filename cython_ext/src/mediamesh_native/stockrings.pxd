from mediamesh_native.model cimport Stock


cdef class StockRings:
    cdef Stock stock
    cdef readonly bint media_s2m
    cdef readonly bint closed
    cdef readonly bint lost  # could not be taken over: its descriptors are closed
    cdef bint attached
    cdef readonly list regions
    cdef readonly list rings
    cdef list mappings
    cdef list owned

    cdef char *_map(self, int fd, unsigned long long size) except NULL
    cdef _prepare(self, unsigned int count)
    cdef _make_table(self, unsigned int count)
    cdef _take_region(self, unsigned int index, int fd, size, bint steady, page)
    cdef _place(self, unsigned int which, char *base, unsigned int log2, int event)
    cdef _make_ring(self, char *base, bint is_s2m, index, offset, log2)
