"""The results of a run in the terminal: the table of distillation and the list of stages.

In: a run directory. Out: rich renderables. Untrusted text is passed through ``visible``. Not here: reading single
trajectories (``terminal_reading``), the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from understudy.records import Example, Interval, Metrics, Trajectory
from understudy.report.agreements import agreement_table
from understudy.report.cascades import cascade_tables
from understudy.report.cleanings import cleaning_tables, is_cleaning, read_cleaning
from understudy.report.collect import collect
from understudy.report.data import CollectionKind, Document, Stage, System, SystemRole
from understudy.report.mark_agreements import mark_agreement_table, read_mark_agreements
from understudy.report.masks import MaskMaker, open_mask_maker
from understudy.report.robustness import robustness_table
from understudy.report.rows import read_if_there, read_scores
from understudy.report.run_state import with_true_states
from understudy.report.sentence import named, overall, p_text
from understudy.report.stage_files import read_rows, read_stages
from understudy.report.terminal_reading import show_example, show_mask, show_trajectory
from understudy.report.terminal_stage import show_stage
from understudy.report.visible import plain, table_of
from understudy.run_layout import EXAMPLES, METRICS, SCORES, TRAJECTORIES
from understudy.runs import read_record

__all__ = ["show_mask", "show_run", "show_trajectory", "terminal_table"]

BAR_WIDTH = 16
WIDTH_WITH_BARS = 104
_N_IDS = 3


class NotInRunError(LookupError):
    """A run has no such stage, trajectory or example; the message names those that it has."""


def terminal_table(run_dir: Path) -> RenderableType:
    """The table of distillation of a run and the sentence about it. Raises as ``collect`` does."""
    return _results(collect(run_dir))


def show_run(run_dir: Path, what: str = "", which: str = "", *, mask: bool = False) -> RenderableType:
    """Show a run, or one thing in it.

    ``what``: a stage, such as ``rollout/teacher`` or ``curate/agent``; empty for the whole run. ``which``: id of a
    trajectory or example; empty for the first. ``mask``: show an example as the student's tokens.
    Raises ``NotInRunError`` if there is no such stage or id, ``ValueError`` if it has no mask.
    """
    if not what:
        document = collect(run_dir)
        return Group(_results(document), Text(), _stages(document))
    stage = _find_stage(run_dir, what)
    folder = run_dir / stage.key
    if mask and stage.collection is not CollectionKind.CURATE:
        raise ValueError(f"--mask shows what of a training example is learnt; {what} has no examples")
    if stage.collection is CollectionKind.CURATE:
        return _show_example(run_dir, stage, which, mask=mask)
    trajectory = _trajectory(folder, which)
    if trajectory is None and which:
        raise NotInRunError(_missing("trajectory", which, folder / TRAJECTORIES))
    if trajectory is None:
        return show_stage(folder, stage)
    shown = show_trajectory(trajectory, *read_scores(folder / SCORES).get(trajectory.id, ()))
    cleaned = [cleaning_tables(read_cleaning(run_dir, stage).summary)] if is_cleaning(run_dir, stage) else []
    marked = [one for one in read_mark_agreements(run_dir) if one.stage == stage.key]
    return shown if which else Group(*cleaned, mark_agreement_table(marked), *_tables_of(folder / METRICS), shown)


def _find_stage(run_dir: Path, what: str) -> Stage:
    if not run_dir.is_dir():
        raise FileNotFoundError(f"{run_dir}: expected a run directory, there is none")
    stages, _ = with_true_states(run_dir, read_stages(run_dir))
    found = next((stage for stage in stages if stage.key == what.rstrip("/")), None)
    if found is None:
        known = ", ".join(stage.key for stage in stages) or "(no stage yet)"
        raise NotInRunError(f"{run_dir}: expected one of {known}; got {what!r}")
    return found


def _show_example(run_dir: Path, stage: Stage, which: str, *, mask: bool) -> RenderableType:
    """An example of a curation; if there are none, the dropped attempts."""
    folder = run_dir / stage.key
    for example in read_if_there(folder / EXAMPLES, Example):
        if not which or which in (example.id, example.trajectory_id, example.task_id):
            return show_example(example, open_mask_maker(run_dir, stage.key) if mask else MaskMaker())
    if which:
        raise NotInRunError(_missing("example", which, folder / EXAMPLES))
    return show_stage(folder, stage)


def _trajectory(folder: Path, which: str) -> Trajectory | None:
    found = None
    for trajectory in read_if_there(folder / TRAJECTORIES, Trajectory):
        if not which or which in (trajectory.id, trajectory.task.id):
            found = trajectory  # of an attempt that was made again, the last record counts
            if not which:
                break
    return found


def _missing(what: str, which: str, path: Path) -> str:
    rows = list(islice(read_rows(path), _N_IDS))
    ids = [_id_of(row) for row in rows]
    return (
        f"{path}: no {what} {which!r}; the first ones are {', '.join(ids)}" if ids else f"{path}: no {what} {which!r}"
    )


def _id_of(row: dict[str, object]) -> str:
    task = row.get("task")
    if isinstance(task, dict):
        return f"{task.get('id')}#{row.get('attempt', 0)}"
    return str(row.get("id") or row.get("trajectory_id"))


def _tables_of(path: Path) -> Iterator[RenderableType]:
    """Tables of an evaluation by level, by type and, with several attempts, of pass@k."""
    if not path.exists():
        return
    for part in read_record(path, Metrics).breakdowns:
        n_attempts = max(len(group.pass_at) for group in part.groups)
        name = f"{part.task_set} by {part.by.value.replace('_', ' ')}"
        pass_at = (f"pass@{k}" for k in range(2, n_attempts + 1))
        table = table_of(name, "Tasks", "Right", "Accuracy", "95 % interval", *pass_at, left=(name,))
        for group in part.groups:
            chances = [f"{100 * chance:.1f}" for chance in group.pass_at[1:]]
            cells = [f"{group.n_tasks:,}", f"{group.n_correct:,} of {group.n:,}", f"{100 * group.accuracy:.1f}"]
            table.add_row(plain(group.group or "(none)"), *cells, group.interval.percents, *chances)
        yield Group(table, Text())


def _results(document: Document) -> RenderableType:
    tables = [agreement_table(document.agreements)] if document.agreements else []
    tables += [mark_agreement_table(document.mark_agreements)] if document.mark_agreements else []
    if document.signal_reports or document.deferrals:
        tables.insert(0, cascade_tables(document.signal_reports, document.deferrals))
    if not tables:
        return _table_of(document)
    return Group(_table_of(document), Text(), *tables) if document.systems else Group(*tables)


def _table_of(document: Document) -> RenderableType:
    if not document.systems:
        return plain(document.sentence.text)
    sentence = Text.assemble(plain(document.sentence.text), " ", plain(document.sentence.doubt, "dim"))
    attacked = robustness_table(document.systems)
    below = [] if attacked is None else [Text(), attacked]
    return Group(sentence, Text(), _SystemTable(document), *_notes(document), *below)


class _SystemTable:
    """A row for each system; a narrow terminal shows no bars, so that names stay on one line."""

    def __init__(self, document: Document) -> None:
        self.document = document

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        columns = list(_columns(self.document, with_bars=options.max_width >= WIDTH_WITH_BARS))
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("System", overflow="fold")
        for head, _ in columns:
            bar = head.startswith("0 %")
            table.add_column(head, justify="left" if bar else "right", no_wrap=bar)
        for system in self.document.systems:
            name = plain(named(system), "bold" if system.role is SystemRole.STUDENT else "")
            table.add_row(name, *(cell(system) for _, cell in columns))
        yield table


def _columns(document: Document, *, with_bars: bool) -> Iterator[tuple[str, Callable[[System], Text]]]:
    yield "Accuracy", lambda one: Text(f"{100 * one.metrics.average:.1f}")
    yield "95 % interval", lambda one: Text(one.interval.percents, style="dim")
    if with_bars:
        yield "0 %" + " " * (BAR_WIDTH - 8) + "100 %", lambda one: _bar(one.metrics.average, one.interval)
    if any(one.paper is not None for one in document.systems):
        yield "Paper", lambda one: Text("" if one.paper is None else f"{100 * one.paper:.2f}")
    yield "Against baseline", lambda one: _difference(document, one)
    yield "Tokens per\nquestion", lambda one: Text(f"{one.tokens_per_question:,.0f}")
    if any(one.cost_per_question_usd is not None for one in document.systems):
        yield "USD a\nquestion", lambda one: _cost(one.cost_per_question_usd)


def _cost(cost: float | None) -> Text:
    return Text("" if cost is None else f"{cost:.2g}")


def _notes(document: Document) -> Iterator[Text]:
    """What an accuracy alone does not say: attempts that were not judged, and replies that were cut."""
    notes = (
        ("Not judged (counted as wrong)", "n_not_scored"),
        ("Replies cut at a stop string after which the model had continued", "n_cut_replies"),
    )
    for label, name in notes:
        counts = {named(one): sum(getattr(part, name) for part in one.metrics.task_sets) for one in document.systems}
        shown = ", ".join(f"{count:,} of {system}" for system, count in counts.items() if count)
        if shown:
            yield plain(f"{label}: {shown}", "yellow")
    tokens = {
        named(one): sum(part.user_usage.total_tokens for part in one.metrics.task_sets) for one in document.systems
    }
    if shown := ", ".join(f"{count:,} with {system}" for system, count in tokens.items() if count):
        yield plain(f"Tokens of the model that plays the user, which are not part of the table: {shown}", "dim")


def _bar(average: float, interval: Interval) -> Text:
    """The interval as a line with the mean on it."""
    low, high = (round(bound * (BAR_WIDTH - 1)) for bound in (interval.low, interval.high))
    mean = round(average * (BAR_WIDTH - 1))
    bar = Text()
    for place in range(BAR_WIDTH):
        if place == mean:
            bar.append("●", style="bold blue")
        elif low <= place <= high:
            bar.append("━", style="blue")
        else:
            bar.append("┈", style="dim")
    return bar


def _difference(document: Document, system: System) -> Text:
    baseline = next((one for one in document.systems if one.role is SystemRole.BASELINE), None)
    if baseline is None or baseline is system:
        return Text("baseline" if baseline else "", style="dim")
    tested = overall(document.comparisons, system, baseline)
    if tested is None:
        return Text("")
    return Text(f"{100 * tested.difference:+.1f} ({p_text(tested)})".replace("-", "−"))


def _stages(document: Document) -> Table:
    table = table_of("Stage", "State", "Records", "", left=("Stage", "State", ""))
    for stage in document.stages:
        table.add_row(plain(stage.key), stage.state.value, f"{stage.n:,}", plain(stage.error, "red"))
    return table
