"""Cleaning: trajectories pass checks before anything is trained on them, and each that is dropped or changed is listed
with a counted reason.

In: trajectories, imported or rolled out, with their scores. Out: ``Cleaned``: what is kept, findings, clusters of
topics, replies that a teacher wrote again. A check is a class with ``examine`` or a function of a trajectory; a recipe
names a user's as ``package.module:name``. Not promised: that kept trajectories are right; scores and curation decide
that.
"""

from understudy.curation.cleaning.check import Check
from understudy.curation.cleaning.cleaning import Cleaned, clean
from understudy.curation.cleaning.config import CleanConfig
from understudy.curation.cleaning.faults import CheckError, Fault, FaultAction, Finding
from understudy.curation.cleaning.kinds import CHECKS
from understudy.curation.cleaning.personal.detectors import DETECTORS
from understudy.curation.cleaning.relabelling import RelabelJournal, Replacement
from understudy.curation.cleaning.summary import CleaningSummary, summarise
from understudy.curation.cleaning.topics import TopicCluster

__all__ = [
    "CHECKS",
    "DETECTORS",
    "Check",
    "CheckError",
    "CleanConfig",
    "Cleaned",
    "CleaningSummary",
    "Fault",
    "FaultAction",
    "Finding",
    "RelabelJournal",
    "Replacement",
    "TopicCluster",
    "clean",
    "summarise",
]
