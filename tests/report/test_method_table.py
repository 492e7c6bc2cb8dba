"""The paper's table for several runs: averages, pairs and the paper's ordering, in the terminal and as a page."""

from __future__ import annotations

import io
from pathlib import Path
from statistics import fmean

import pytest
from rich.console import Console
from typer.testing import CliRunner

from tests.report.make_run import STUDENT, SYSTEMS, make_run
from understudy.cli.app import app
from understudy.records import Interval, Metrics
from understudy.report import NoMethodsError, PaperMethod, draw_in_terminal, method_table, write_method_table
from understudy.report.method_table import Agreement, Scope, agreement
from understudy.report.paper import paper_differences

BOTH, COT = PaperMethod.AGENT_DISTIL_FTP_SAG, PaperMethod.COT_DISTIL


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("table")
    return [make_run(folder / "one", n_tasks=20), make_run(folder / "two", n_tasks=20, luck=3)]


def printed(runs: list[Path]) -> str:
    console = Console(width=400, file=io.StringIO())
    with console.capture() as capture:
        console.print(draw_in_terminal(method_table(runs)))
    return capture.get()


def metrics_of(run_dir: Path, system: str) -> Metrics:
    return Metrics.model_validate_json((run_dir / "evaluate" / system / "metrics.json").read_bytes())


def test_each_cell_is_the_unweighted_average_of_its_task_sets(runs: list[Path]) -> None:
    row = method_table(runs).rows[0]
    metrics = metrics_of(runs[0], "agent-both")
    by_set = {one.task_set: one.accuracy for one in metrics.task_sets}
    assert row.is_finished
    assert row.cells[BOTH, Scope.ALL].accuracy == pytest.approx(metrics.average)
    inside = fmean([by_set["hotpotqa"], by_set["math500"]])
    outside = fmean([by_set["bamboogle"], by_set["gsm_hard"]])
    assert row.cells[BOTH, Scope.IN_DOMAIN].accuracy == pytest.approx(inside)
    assert row.cells[BOTH, Scope.OUT_OF_DOMAIN].accuracy == pytest.approx(outside)
    for cell in row.cells.values():
        assert cell.interval.low <= cell.accuracy <= cell.interval.high
    assert len(row.cells) == 8 * 3
    assert row.teacher_is_program


def test_pairs_are_tested_on_the_same_questions_and_marked(runs: list[Path]) -> None:
    row = method_table(runs).rows[0]
    assert len(row.pairs) == 28 * 3
    whole = row.pairs[BOTH, COT, Scope.ALL]
    assert whole.comparison.n_tasks == 80
    assert whole.comparison.difference == pytest.approx(
        row.cells[BOTH, Scope.ALL].accuracy - row.cells[COT, Scope.ALL].accuracy
    )
    assert row.pairs[BOTH, COT, Scope.IN_DOMAIN].comparison.n_tasks == 40
    assert whole.agreement is Agreement.AGREES  # .47 against .25 with the paper's order


@pytest.mark.parametrize(
    ("one", "other", "low", "high", "expected"),
    [
        (BOTH, COT, 0.01, 0.2, Agreement.AGREES),
        (BOTH, COT, -0.2, -0.01, Agreement.DISAGREES),
        (BOTH, COT, -0.01, 0.2, Agreement.CANNOT_TELL),
        (BOTH, COT, 0.0, 0.2, Agreement.CANNOT_TELL),
        (COT, BOTH, -0.2, -0.01, Agreement.AGREES),
        (COT, BOTH, 0.01, 0.2, Agreement.DISAGREES),
        # 3B: the CoT student is worse than its base; the others better.
        (COT, PaperMethod.COT_PROMPT, 0.01, 0.2, Agreement.PAPER_DIFFERS),
        (PaperMethod.AGENT_PROMPT, PaperMethod.COT_PROMPT, -0.3, -0.1, Agreement.PAPER_DIFFERS),
        (PaperMethod.AGENT_DISTIL, PaperMethod.AGENT_PROMPT, 0.1, 0.3, Agreement.AGREES),
    ],
)
def test_a_mark_says_whether_our_interval_has_the_papers_sign(
    one: PaperMethod, other: PaperMethod, low: float, high: float, expected: Agreement
) -> None:
    assert agreement(one, other, Interval(low=low, high=high, level=0.95), 0.001) is expected


def test_a_difference_that_the_paired_test_does_not_see_is_no_order() -> None:
    """Four questions of four: the interval of the average leaves zero out, the exact test says .125."""
    interval = Interval(low=0.005, high=0.04, level=0.95)
    assert agreement(BOTH, COT, interval, 0.125) is Agreement.CANNOT_TELL
    assert agreement(BOTH, COT, interval, 0.049) is Agreement.AGREES


def test_the_papers_differences_are_those_of_its_table() -> None:
    assert paper_differences(BOTH, COT) == pytest.approx((0.0914, 0.0888, 0.0927, 0.0826))


def test_terminal_and_page_hold_every_cell(runs: list[Path], tmp_path: Path) -> None:
    text = printed(runs)
    page = write_method_table(method_table(runs), tmp_path / "table.html").read_text()
    for shown in (text, page):
        for method in PaperMethod:
            assert method.heading in shown
        assert "(program)" in shown
        assert "in domain (2)" in shown
        assert "out of domain (2)" in shown
        assert "of 28 pairs agrees" in shown
        for run_dir in runs:
            assert f"{100 * metrics_of(run_dir, 'agent-both').average:.1f} [" in shown
    assert text.count(" over ") >= 28
    assert "−0.0" not in text
    assert "<script" not in page


def test_a_column_without_a_system_is_a_dash(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "few", n_tasks=6, systems=(SYSTEMS[1], SYSTEMS[4]))
    row = method_table([run_dir]).rows[0]
    assert not row.is_finished
    assert len(row.pairs) == 3
    assert "–" in printed([run_dir])


def test_a_run_that_names_no_column_is_refused(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "none", n_tasks=4, systems=(SYSTEMS[-1],))
    with pytest.raises(NoMethodsError, match=r"which names the column of each system \(here: Teacher\)"):
        method_table([run_dir])
    with pytest.raises(FileNotFoundError, match="expected a run directory"):
        method_table([tmp_path / "nowhere"])


def test_the_command_prints_it_and_writes_the_page(runs: list[Path], tmp_path: Path) -> None:
    page = tmp_path / "table.html"
    done = CliRunner().invoke(app, ["compare", "--table", *map(str, runs), "--page", str(page)])
    assert done.exit_code == 0, done.output
    assert page.exists()
    assert STUDENT not in done.output  # columns go by the paper's names
