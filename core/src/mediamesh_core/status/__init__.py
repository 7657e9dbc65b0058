"""From what was planned and what a node says to the status that people read: pure."""

from mediamesh_core.status.conditions import condition
from mediamesh_core.status.connection import exposure, nominal_rate, status
from mediamesh_core.status.observation import Observation, SeenAttachment, SeenBridge
from mediamesh_core.status.rates import NOTABLE, STRETCH, Rates

__all__ = [
    "NOTABLE",
    "STRETCH",
    "Observation",
    "Rates",
    "SeenAttachment",
    "SeenBridge",
    "condition",
    "exposure",
    "nominal_rate",
    "status",
]
