# cython: language_level=3
"""The engine's state as plain numbers, strings and lists, for the hub that takes over."""

from libc.stdint cimport uint32_t

from mediamesh_native.model cimport SOURCE, Attachment, PoolState


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
        peer.posted_quietly = 1  # it may sleep and not have been told of frames it got
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
