"""Curation: trajectories and their scores become training examples, with a reason for each dropped trajectory. In:
trajectories of agents and chains of thought, our own or imported. Out: examples and dropped trajectories. Not promised:
that every step of a kept trajectory is right; filters know only grades and records.
"""

from understudy.curation.cleaning import (
    CHECKS,
    DETECTORS,
    Check,
    CheckError,
    CleanConfig,
    Cleaned,
    CleaningSummary,
    Fault,
    Finding,
    RelabelJournal,
    Replacement,
    TopicCluster,
    clean,
    summarise,
)
from understudy.curation.config import ChatMix, CurateConfig, SpanWeights
from understudy.curation.curation import Curated, curate
from understudy.curation.export import Provenance, export, write_curated
from understudy.curation.filters import Filter
from understudy.curation.importing import (
    ImportConfig,
    Imported,
    NothingImportedError,
    RefusalReason,
    RefusedRow,
    import_trajectories,
)
from understudy.curation.repair import Repair, RepairConfig, repair
from understudy.curation.selection import Selection
from understudy.curation.traces import TRACE_READERS

__all__ = [
    "CHECKS",
    "DETECTORS",
    "TRACE_READERS",
    "ChatMix",
    "Check",
    "CheckError",
    "CleanConfig",
    "Cleaned",
    "CleaningSummary",
    "CurateConfig",
    "Curated",
    "Fault",
    "Filter",
    "Finding",
    "ImportConfig",
    "Imported",
    "NothingImportedError",
    "Provenance",
    "RefusalReason",
    "RefusedRow",
    "RelabelJournal",
    "Repair",
    "RepairConfig",
    "Replacement",
    "Selection",
    "SpanWeights",
    "TopicCluster",
    "clean",
    "curate",
    "export",
    "import_trajectories",
    "repair",
    "summarise",
    "write_curated",
]
