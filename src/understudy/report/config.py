"""The settings of a report: its title, the systems of its sentence, and cells of the paper's table to compare with.

In: a recipe's ``report`` section. Out: ``ReportConfig``. Not here: anything that is measured.
"""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from understudy.records import Record
from understudy.report.paper import TEACHER_SIZE, PaperMethod, paper_figure


class PaperCell(Record):
    """One cell of the paper's table, named as the table names it."""

    size: str
    """Row of the table: ``0.5B`` … ``7B``, ``32B``."""
    method: PaperMethod

    @property
    def figure(self) -> float:
        """Average accuracy over the paper's eight benchmarks, in [0, 1]."""
        return paper_figure(self.size, self.method)

    @model_validator(mode="after")
    def _exists(self) -> Self:
        paper_figure(self.size, self.method)
        return self


class ReportConfig(Record):
    """The title of a run's report and the systems that it compares. All keys are optional."""

    title: str = ""
    """Empty: the name of the run directory."""
    baseline: str = ""
    """Label of the system that the others are compared with. Empty: the most frequent baseline of the comparisons."""
    student: str = ""
    """Label of the system that the opening sentence is about. Empty: the most accurate one that is neither teacher
    nor baseline."""
    teacher: str = ""
    """Label of the system whose accuracy is the target. Empty: there is none."""
    in_domain: tuple[str, ...] = ()
    """Task sets like those that were trained on; empty draws no line between in and out of domain."""
    paper_cells: dict[str, PaperCell] = {}
    """System label → the cell of the paper's table that it reproduces."""
    methods: dict[str, PaperMethod] = {}
    """System label → the column of the paper's table that it stands in, if its size is none of the paper's."""

    @property
    def columns(self) -> dict[str, PaperMethod]:
        """System label → its column of the paper's table, without the paper's own teacher."""
        cells = {label: cell.method for label, cell in self.paper_cells.items() if cell.size != TEACHER_SIZE}
        return {**cells, **self.methods}
