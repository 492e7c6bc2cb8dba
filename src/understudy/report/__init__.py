"""Reports: a run's artifacts become a page that can be mailed, and output in the terminal.

In: a run directory. Out: ``report.html``, one file that works offline; tables, trajectories and masks for the terminal;
a viewer on loopback that follows a run while it goes. It reads artifacts only and writes nothing but the page.
Measurements are those of the stages; nothing is measured again here. Not promised: correct figures if a stage measured
wrong.
"""

from understudy.report.agreements import agreement_table
from understudy.report.collect import collect
from understudy.report.config import PaperCell, ReportConfig
from understudy.report.labelling import Labelling, NotMarkableError, stage_to_mark
from understudy.report.mark_agreements import mark_agreement_table, read_mark_agreements
from understudy.report.method_table import NoMethodsError, method_table
from understudy.report.method_table_drawing import draw_in_terminal, write_method_table
from understudy.report.page import chat_page, write_report
from understudy.report.paper import PaperMethod
from understudy.report.side_by_side import write_comparison
from understudy.report.terminal import NotInRunError, show_mask, show_run, show_trajectory, terminal_table
from understudy.report.view import serve_view

__all__ = [
    "Labelling",
    "NoMethodsError",
    "NotInRunError",
    "NotMarkableError",
    "PaperCell",
    "PaperMethod",
    "ReportConfig",
    "agreement_table",
    "chat_page",
    "collect",
    "draw_in_terminal",
    "mark_agreement_table",
    "method_table",
    "read_mark_agreements",
    "serve_view",
    "show_mask",
    "show_run",
    "show_trajectory",
    "stage_to_mark",
    "terminal_table",
    "write_comparison",
    "write_method_table",
    "write_report",
]
