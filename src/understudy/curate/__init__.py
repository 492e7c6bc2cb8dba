"""Curate: trajectories and scores come in, examples and reasons for the dropped ones go out.

Agents' trajectories and chains of thought go the same way. Not promised: that what is kept is right in every step;
a filter sees only what a grader or a record says.
"""

from understudy.curate.chat import Conversation
from understudy.curate.config import ChatMix, CurateConfig, Filter, Selection, SpanWeights
from understudy.curate.curation import Curated, Opening, curate
from understudy.curate.export import Provenance, data_card, export, write_curated
from understudy.curate.importing import NO_REFERENCE, import_trajectories
from understudy.curate.repair import Repair, RepairConfig, RepairingModel, repair
from understudy.curate.selection import Student

__all__ = [
    "NO_REFERENCE",
    "ChatMix",
    "Conversation",
    "CurateConfig",
    "Curated",
    "Filter",
    "Opening",
    "Provenance",
    "Repair",
    "RepairConfig",
    "RepairingModel",
    "Selection",
    "SpanWeights",
    "Student",
    "curate",
    "data_card",
    "export",
    "import_trajectories",
    "repair",
    "write_curated",
]
