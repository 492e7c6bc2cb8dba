"""Curate: trajectories and scores come in, examples and reasons for the dropped ones go out.

Agents' trajectories and chains of thought go the same way. Not promised: that what is kept is right in every step;
a filter sees only what a grader or a record says.
"""

from understudy.curation.config import ChatMix, CurateConfig, SpanWeights
from understudy.curation.curation import Curated, InitialMessages, curate
from understudy.curation.export import Provenance, data_card, export, write_curated
from understudy.curation.filters import Filter
from understudy.curation.importing import (
    ImportConfig,
    Imported,
    NothingImportedError,
    RefusalReason,
    RefusedRow,
    import_trajectories,
)
from understudy.curation.repair import Repair, RepairConfig, RepairingModel, repair
from understudy.curation.selection import Selection, Student

__all__ = [
    "ChatMix",
    "CurateConfig",
    "Curated",
    "Filter",
    "ImportConfig",
    "Imported",
    "InitialMessages",
    "NothingImportedError",
    "Provenance",
    "RefusalReason",
    "RefusedRow",
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
