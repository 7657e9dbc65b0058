from mediamesh_native.model cimport Attachment, PoolState


cdef dict describe_pool(PoolState *pool)
cdef restore_pool(PoolState *pool, dict saved)
cdef dict describe_peer(Attachment *peer)
cdef restore_peer(Attachment *peer, dict saved, dict by_region)
cdef restore_stock(Attachment *peer, dict saved, dict by_region)
