"""The command line: parsing only. Each command passes typed values to a package and prints the result.

Exit codes: 0 done, 1 the work failed, 2 the command or the recipe is wrong, 130 Ctrl-C.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from understudy.cli.command_list import CommandList
from understudy.cli.exporting import export
from understudy.cli.index import index_app
from understudy.cli.labelling import label
from understudy.cli.publishing import push, rerun
from understudy.cli.recording import record, shadow
from understudy.cli.reinforcing import export_rl
from understudy.cli.running import existing_run, out, recipe_and_run, run_and_show, say
from understudy.cli.serving import serve_model
from understudy.cli.serving_agents import chat, serve_agent
from understudy.cli.starting import demo, init, kinds
from understudy.cli.watching import watch
from understudy.pipeline.stage_table import STAGE_TABLE

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
# Waiting threads of torch sleep. By default they spin, which makes steps many times slower on a busy machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

app = typer.Typer(
    name="understudy",
    help="Turn an expensive, tool-using LLM agent into a small one.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    cls=CommandList,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
Target = Annotated[Path, typer.Argument(metavar="RECIPE|RUN", help="A recipe (YAML), or a run directory.")]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEY=VALUE]...", help="Overrides, such as train.agent.epochs=1."),
]
RunDir = Annotated[Path | None, typer.Option(help="Folder of the run; runs/NAME of the recipe by default.")]
Restart = Annotated[
    bool, typer.Option("--restart", help="Archive unfinished stages that have other settings, and run them again.")
]
Seed = Annotated[int | None, typer.Option(help="Short for seed=N.")]
StageName = Annotated[str | None, typer.Option("--stage", help="Only the stage with this name.")]


def _version(requested: bool) -> None:
    if requested:
        import understudy

        out.print(understudy.__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Turn an expensive, tool-using LLM agent into a small one."""


@app.command()
def run(
    target: Target,
    overrides: Overrides = None,
    only: Annotated[list[str] | None, typer.Option(help="Only this stage, as kind/name; may be repeated.")] = None,
    run_dir: RunDir = None,
    seed: Seed = None,
    restart: Restart = False,
) -> None:
    """Run a whole recipe: roll out, grade, curate, train, evaluate, report. Run it again to resume."""
    recipe, directory = recipe_and_run(target, overrides, run_dir, seed)
    known = {str(ref): ref for ref in recipe.ordered_stages()}
    if unknown := [name for name in only or () if name not in known]:
        raise typer.BadParameter(f"expected one of {', '.join(known)}; got {unknown[0]!r}", param_hint="--only")
    chosen = [known[name] for name in only] if only else None
    run_and_show(recipe, directory, chosen, restart=restart)


def _stage_verb(kind: str, about: str) -> None:
    """Add a verb that runs the stages of one kind."""

    def verb(
        target: Target,
        overrides: Overrides = None,
        stage: StageName = None,
        run_dir: RunDir = None,
        seed: Seed = None,
        restart: Restart = False,
    ) -> None:
        recipe, directory = recipe_and_run(target, overrides, run_dir, seed)
        from understudy.pipeline import run_recipe

        refs = [ref for ref in recipe.stages_of(kind) if stage in (None, ref.name)]
        if not refs:
            named = ", ".join(ref.name for ref in recipe.stages_of(kind)) or "none"
            raise typer.BadParameter(f"the recipe has no {kind} stage of that name (it has: {named})")
        run_recipe(recipe, directory, only=refs, restart=restart, say=say)

    verb.__doc__ = about
    app.command(name=kind.replace("_", "-"))(verb)


for _kind, _entry in STAGE_TABLE.items():
    _stage_verb(_kind, _entry.about)


@app.command()
def grade(
    target: Target,
    overrides: Overrides = None,
    run_dir: RunDir = None,
    again: Annotated[
        bool, typer.Option("--again", help="Grade graded attempts again, and print changed verdicts.")
    ] = False,
) -> None:
    """Grade the attempts of a run and measure its evaluations."""
    recipe, directory = recipe_and_run(target, overrides, run_dir)
    from understudy.pipeline import grade_run

    for line in grade_run(recipe, directory, again=again):
        say(line)


@app.command()
def report(run_dir: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")]) -> None:
    """Write report.html of a run, and print its table."""
    from understudy.report import terminal_table, write_report

    path = write_report(existing_run(run_dir))
    out.print(terminal_table(run_dir))
    out.print(f"\nReport: {path}", markup=False)


@app.command()
def show(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")],
    what: Annotated[str, typer.Argument(metavar="STAGE", help="Such as rollout/teacher-agent or curate/agent.")] = "",
    which: Annotated[str, typer.Argument(metavar="ID", help="Id of a trajectory; the first by default.")] = "",
    mask: Annotated[bool, typer.Option("--mask", help="Show which tokens of a curated example are trained.")] = False,
) -> None:
    """Show a run, one of its stages, or a trajectory."""
    from understudy.report import show_run

    out.print(show_run(existing_run(run_dir), what, which, mask=mask))


@app.command()
def compare(
    run_dirs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Runs of one recipe under several seeds.")],
    table: Annotated[
        bool,
        typer.Option("--table", help="The paper's table of several runs, with the paper's ordering."),
    ] = False,
    page: Annotated[
        Path | None, typer.Option(help="Also write a page, such as compare.html: two attempts at a task side by side.")
    ] = None,
) -> None:
    """Compare the accuracies of several runs, with their medians over seeds."""
    if table:
        from understudy.report import draw_in_terminal, method_table, write_method_table

        found = method_table(run_dirs)
        out.print(draw_in_terminal(found))
        if page is not None:
            out.print(f"\nPage: {write_method_table(found, page)}", markup=False)
        return
    from understudy.pipeline import compare_runs

    out.print(compare_runs(run_dirs))
    if page is not None:
        from understudy.report import write_comparison

        out.print(f"\nPage: {write_comparison(run_dirs, page)}", markup=False)


@app.command()
def view(
    runs_dir: Annotated[Path, typer.Argument(help="Folder of run directories.")] = Path("runs"),
    host: str = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 7788,
) -> None:
    """Serve a page of all runs on loopback, and follow running ones."""
    from understudy.extras import require
    from understudy.report import serve_view

    require("serve", "understudy view")
    serve_view(runs_dir, host, port)


@app.command()
def doctor() -> None:
    """Show what this machine has and which features work on it."""
    from understudy.pipeline import examine

    out.print(examine())


@app.command("verify-student")
def verify_student(
    target: Target,
    overrides: Overrides = None,
    run_dir: RunDir = None,
    stage: StageName = None,
    url: Annotated[str | None, typer.Option(help="Server to compare with; our own by default.")] = None,
    model: Annotated[
        str | None, typer.Option(help="The student's name on the server; the stage's name by default.")
    ] = None,
) -> None:
    """Check that a trained student differs from its base, and that merging and serving do not change it."""
    recipe, directory = recipe_and_run(target, overrides, run_dir)
    from understudy.pipeline import verify_students

    for line in verify_students(recipe, directory, stage, url, model):
        say(line)


app.command()(export)
app.command("export-rl")(export_rl)
app.command("serve-model")(serve_model)
app.command("serve-agent")(serve_agent)
app.command()(chat)
app.command()(record)
app.command()(shadow)
app.command()(label)
app.command()(init)
app.command()(demo)
app.command()(kinds)
app.command()(push)
app.command()(rerun)
app.command()(watch)
app.add_typer(index_app, name="index")


def main() -> None:
    """Run the command line. An error is one line; UNDERSTUDY_TRACEBACK=1 shows its traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal of ASCII shows ? for what it does not have
            stream.reconfigure(errors="replace")
    errors = Console(stderr=True, soft_wrap=True, highlight=False)
    try:
        app(args=[_at_home(word) for word in sys.argv[1:]])
    except Exception as error:
        if os.environ.get("UNDERSTUDY_TRACEBACK") or not _is_expected(error):
            raise
        errors.print(_in_words(error), markup=False, style="red")
        sys.exit(2 if type(error).__name__ == "RecipeError" else 1)


def _at_home(word: str) -> str:
    """A path below ``~`` that the shell left as it is: in quotes, or after ``--option=``."""
    option, equals, value = word.rpartition("=")
    return f"{option}{equals}{Path(value).expanduser()}" if value.startswith("~/") else word


def _is_expected(error: Exception) -> bool:
    """Whether the message is meant for the user: this package\'s errors, files, packages, and refused values."""
    return type(error).__module__.startswith("understudy.") or isinstance(
        error, OSError | ValueError | ModuleNotFoundError
    )


def _in_words(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        from understudy.extras import how_to_install

        return f"{error.name} is not installed: {how_to_install(error.name)}"
    if type(error).__name__ == "ValidationError":  # of pydantic, whose own message is several lines
        from pydantic import ValidationError

        from understudy.runs import explain

        if isinstance(error, ValidationError):
            return explain(error, "options")
    if isinstance(error, OSError) and error.strerror and type(error).__module__ == "builtins":
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__
