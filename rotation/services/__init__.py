"""What rotation does: nodes that come and go, ports that move."""

from .decider import tick
from .nodes import NodeWork, arrive, depart, note_bound, note_failed, work_of
from .plan import rotation_plan

__all__ = [
    "NodeWork",
    "arrive",
    "depart",
    "note_bound",
    "note_failed",
    "rotation_plan",
    "tick",
    "work_of",
]
