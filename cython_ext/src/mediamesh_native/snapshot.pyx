# cython: language_level=3
"""The engine's state as plain numbers, strings and lists, for the hub that takes over.

Of a stock peer only what it has been shown is state. A packet or a frame that is half copied is not: none of its
descriptors has been given to the peer, so the other hub begins it anew. Nor are the clocks: each runs from the hand-over again.
"""

from libc.stdint cimport uint32_t

from mediamesh_native.model cimport SOURCE, Attachment, PoolState, Stock


cdef dict describe_pool(PoolState *pool):
    cdef uint32_t i
    return {
        "region": pool.region,
        "frames": pool.frames,
        "capacity": pool.capacity,
        "replaced": int(pool.replaced),
        "live": pool.live,
        "state": [pool.state[i] for i in range(pool.frames)],
        "refs": [pool.refs[i] for i in range(pool.frames)],
        "sequence": [pool.sequence[i] for i in range(pool.frames)],
        "flags": [pool.flags[i] for i in range(pool.frames)],
        "length": [pool.length[i] for i in range(pool.frames)],
        "free": [pool.free[i] for i in range(pool.free_count)],
    }


cdef restore_pool(PoolState *pool, dict saved):
    cdef uint32_t i
    if saved["frames"] != pool.frames or saved["capacity"] != pool.capacity:
        raise ValueError(f"region {pool.region} has another geometry than was described")
    pool.replaced, pool.live = saved["replaced"], saved["live"]
    for i in range(pool.frames):
        pool.state[i] = saved["state"][i]
        pool.refs[i] = saved["refs"][i]
        pool.sequence[i] = saved["sequence"][i]
        pool.flags[i] = saved["flags"][i]
        pool.length[i] = saved["length"][i]
    pool.free_count = len(saved["free"])
    for i in range(pool.free_count):
        pool.free[i] = saved["free"][i]


cdef dict describe_peer(Attachment *peer):
    cdef uint32_t i
    common = {
        "id": peer.id, "role": int(peer.role), "queue": peer.queue, "fault": int(peer.fault), "reported": int(peer.reported),
        "frames": peer.frames, "bytes": peer.bytes, "dropped": peer.dropped, "held": int(peer.held), "posted": peer.posted,
        "finishing": int(peer.finishing),
        "m2s_head": peer.m2s_head, "m2s_seen": peer.m2s_seen,
    }
    if peer.stock != NULL:
        common["stock"] = describe_stock(peer)
    if peer.role == SOURCE:
        return common
    return common | {
        "policy": int(peer.policy),
        "wants_returns": int(peer.wants_returns),
        "head": peer.head,
        "claimed": peer.claimed,
        "slots": [
            [peer.slots[i].pool.region, peer.slots[i].frame, peer.slots[i].tag] if peer.slots[i].used else [0, 0, peer.slots[i].tag]
            for i in range(peer.queue)
        ],
        "free_slots": [peer.free_slots[i] for i in range(peer.free_slot_count)],
        "ring_slot": [peer.ring_slot[i] for i in range(peer.s2m_mask + 1)],
        "ring_tag": [peer.ring_tag[i] for i in range(peer.s2m_mask + 1)],
    }


cdef restore_peer(Attachment *peer, dict saved, dict by_region):
    cdef uint32_t i
    peer.fault, peer.reported = saved["fault"], saved["reported"]
    peer.frames, peer.bytes, peer.dropped = saved["frames"], saved["bytes"], saved["dropped"]
    peer.held, peer.posted = saved["held"], saved["posted"]
    peer.finishing = saved["finishing"]
    peer.m2s_head, peer.m2s_seen = saved["m2s_head"], saved["m2s_seen"]
    if peer.role == SOURCE:
        peer.posted_quietly = peer.stock == NULL  # it may sleep and not have been told of frames it got
        return
    peer.policy, peer.wants_returns = saved["policy"], saved["wants_returns"]
    peer.head, peer.claimed = saved["head"], saved["claimed"]
    for i in range(peer.queue):
        region, peer.slots[i].frame, peer.slots[i].tag = saved["slots"][i]
        peer.slots[i].used = region != 0
        if region:
            peer.slots[i].pool = <PoolState *> <size_t> by_region[region]
    peer.free_slot_count = len(saved["free_slots"])
    for i in range(peer.free_slot_count):
        peer.free_slots[i] = saved["free_slots"][i]
    peer.dirty = True  # publishing once more wakes a sink that was not told
    for i in range(peer.s2m_mask + 1):
        peer.ring_slot[i] = saved["ring_slot"][i]
        peer.ring_tag[i] = saved["ring_tag"][i]


cdef dict describe_stock(Attachment *peer):
    cdef Stock *stock = peer.stock
    cdef uint32_t i
    described = {
        "rings": [[stock.rings[i].own, stock.rings[i].seen] for i in range(stock.ring_count)],
        "next_ring": stock.next_ring,
        "chunk": stock.chunk,
    }
    if peer.role == SOURCE:
        return described
    return described | {
        "shared": mapped_region(peer) if stock.shared else 0,
        "fifo": [stock.fifo[(stock.fifo_start + i) % peer.queue] for i in range(stock.fifo_count)],
        "slot_of": [[i, stock.slot_of[i]] for i in range(positions(stock)) if stock.slot_of[i]],
    }


cdef uint32_t mapped_region(Attachment *sink):
    """The region number of the pool that a peer has mapped, or none that a pool has: that one is gone."""
    cdef PoolState *pool = sink.flow.pools
    while pool != NULL:
        if pool == sink.stock.pool:
            return pool.region
        pool = pool.next
    return 0xFFFFFFFF


cdef uint32_t positions(Stock *stock):
    return stock.ring_count * (<uint32_t> stock.rings[0].mask + 1) if stock.slot_of != NULL else 0


cdef restore_stock(Attachment *peer, dict saved, dict by_region):
    cdef Stock *stock = peer.stock
    cdef uint32_t i
    if len(saved["rings"]) != stock.ring_count:
        raise ValueError(f"attachment {peer.id} has {stock.ring_count} rings, {len(saved['rings'])} were described")
    for i in range(stock.ring_count):
        stock.rings[i].own, stock.rings[i].seen = saved["rings"][i]
    stock.next_ring, stock.chunk = saved["next_ring"], saved["chunk"]
    if peer.role == SOURCE:
        return
    stock.shared = saved["shared"] != 0
    stock.pool = <PoolState *> <size_t> by_region.get(saved["shared"], 0)
    for i in range(len(saved["fifo"])):
        stock.fifo[i] = saved["fifo"][i]
    stock.fifo_count = len(saved["fifo"])
    for place, slot in saved["slot_of"]:
        stock.slot_of[<uint32_t> place] = slot
