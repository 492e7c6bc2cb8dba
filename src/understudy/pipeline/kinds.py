"""All groups of exchangeable parts, for ``understudy kinds`` and the documentation.

In: nothing. Out: the groups, in the order in which data passes them.
"""

from __future__ import annotations

from typing import Any

from understudy.agents import ACTION_FORMATS, AGENTS
from understudy.curation import CHECKS, DETECTORS, TRACE_READERS
from understudy.environments import ENVIRONMENTS
from understudy.export import EXPORTERS
from understudy.grading import GRADERS
from understudy.models import ENGINES, MODELS
from understudy.pipeline.stage_kinds import STAGES
from understudy.registry import Group
from understudy.retrieval import ENCODERS, RETRIEVERS
from understudy.tasks import TASK_SOURCES


def groups() -> tuple[Group[Any], ...]:
    """Task sources, models, engines, agents, action formats, environments, retrievers, graders, readers of traces,
    checks and detectors of a cleaning, stages, exporters.
    """
    parts = (TASK_SOURCES, MODELS, ENGINES, AGENTS, ACTION_FORMATS, ENVIRONMENTS, RETRIEVERS, ENCODERS, GRADERS)
    return (*parts, TRACE_READERS, CHECKS, DETECTORS, STAGES, EXPORTERS)
