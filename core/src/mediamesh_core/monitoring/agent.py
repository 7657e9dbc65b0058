"""The metrics of an agent, its hub and its bridges, each defined once.

The agent exports what is here and nothing else; a sample without a definition is a mistake of ours and raised as one.
"""

from typing import Final

from mediamesh_core.monitoring.metric import BUILD_INFO, Metric

_ENDPOINT = ("connection", "endpoint")
AGENT_METRICS: Final = (
    BUILD_INFO,
    Metric(
        "mediamesh_agent_hub_starts_total", "counter", "Hubs that this agent has started; more than 1 means crashes."
    ),
    Metric(
        "mediamesh_agent_problems",
        "gauge",
        "What is wrong right now: the plan's files, the hub, flows that cannot be set up.",
    ),
    Metric("mediamesh_agent_operator_connected", "gauge", "1 while the operator takes reports; in a cluster only."),
    Metric("mediamesh_agent_plans_received_total", "counter", "Plans that the operator has sent; in a cluster only."),
    Metric("mediamesh_agent_pod_folders_removed_total", "counter", "Folders of pods that are gone; in a cluster only."),
    Metric(
        "mediamesh_agent_operator_streams_ended_total",
        "counter",
        "Streams to the operator that ended; in a cluster only. Closed: with its token, as it should.",
        ("reason",),
    ),
    Metric("mediamesh_hub_up", "gauge", "1 while the hub answers on its control socket."),
    Metric("mediamesh_hub_plan_revision", "gauge", "Revision of the plan in force."),
    Metric(
        "mediamesh_hub_start_timestamp_seconds", "gauge", "When the hub, or the first of the hubs it succeeds, began."
    ),
    Metric("mediamesh_hub_handovers_total", "counter", "Times a hub handed over to its successor."),
    Metric("mediamesh_hub_engine_cpu_seconds_total", "counter", "CPU time of the engine's thread."),
    Metric("mediamesh_hub_engine_wakeups_total", "counter", "Times the engine's thread was woken."),
    Metric("mediamesh_hub_engine_signals_total", "counter", "Times that a sleeping client was woken."),
    Metric(
        "mediamesh_hub_bytes_copied_total",
        "counter",
        "Payload bytes copied: only for stock memif peers with access copy.",
    ),
    Metric("mediamesh_hub_memory_bytes", "gauge", "Memory of all frame pools."),
    Metric("mediamesh_hub_memory_limit_bytes", "gauge", "What all frame pools together may take."),
    Metric("mediamesh_hub_flow_state", "gauge", "1 for the state a flow is in.", ("connection", "state")),
    Metric("mediamesh_hub_pool_frames", "gauge", "Frames in the flow's pool.", ("connection",)),
    Metric("mediamesh_hub_pool_free_frames", "gauge", "Frames of the pool that nobody has.", ("connection",)),
    Metric("mediamesh_hub_pool_bytes", "gauge", "Memory of the flow's pool.", ("connection",)),
    Metric("mediamesh_hub_pool_sealed", "gauge", "1 if no consumer can write the pool by any means.", ("connection",)),
    Metric("mediamesh_hub_attachments", "gauge", "Clients attached to the endpoint now.", _ENDPOINT),
    Metric(
        "mediamesh_hub_frames_total",
        "counter",
        "Frames accepted from a source (direction in) or delivered to a sink's ring (direction out).",
        (*_ENDPOINT, "direction"),
    ),
    Metric(
        "mediamesh_hub_bytes_total",
        "counter",
        "Payload bytes of those frames. Sinks read the same memory: nothing was copied.",
        (*_ENDPOINT, "direction"),
    ),
    Metric("mediamesh_hub_frames_received_total", "counter", "Frames taken by sinks, by their own count.", _ENDPOINT),
    Metric(
        "mediamesh_hub_frames_damaged_total",
        "counter",
        "Received frames whose source says that they are partial or corrupt, by the sinks' own count.",
        _ENDPOINT,
    ),
    Metric(
        "mediamesh_hub_frames_dropped_total",
        "counter",
        "Frames that a sink did not get; QueueFull: it was too slow for its delivery policy dropOldest.",
        (*_ENDPOINT, "reason"),
    ),
    Metric(
        "mediamesh_hub_ring_occupancy_ratio",
        "gauge",
        "Share of its queue that the endpoint's fullest attachment has, waiting or in hand.",
        _ENDPOINT,
    ),
    Metric(
        "mediamesh_hub_frame_latency_seconds",
        "histogram",
        "From a source's send to a sink having the frame, by the sink's clock readings.",
        _ENDPOINT,
    ),
    Metric("mediamesh_hub_reattached_total", "counter", "Times a client attached again by itself.", _ENDPOINT),
    Metric("mediamesh_hub_attachments_ended_total", "counter", "Attachments that ended badly.", (*_ENDPOINT, "reason")),
    Metric(
        "mediamesh_bridge_restarts_total", "counter", "Times the hub started the bridge again.", (*_ENDPOINT, "bridge")
    ),
    Metric("mediamesh_bridge_state", "gauge", "1 for the state a bridge is in.", (*_ENDPOINT, "bridge", "state")),
)
