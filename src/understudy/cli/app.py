"""The command line: parsing only. Each verb hands typed values to a room and prints what comes back.

Exit codes: 0 done, 1 the work failed, 2 the command or the recipe is wrong, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from understudy.cli.index import index_app
from understudy.pipeline.stage_kinds import STAGES

if TYPE_CHECKING:
    from understudy.pipeline import Recipe

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

app = typer.Typer(
    name="understudy",
    help="Turn an expensive, tool-using LLM agent into a small one.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.add_typer(index_app, name="index")
out = Console(soft_wrap=True, highlight=False)

Target = Annotated[Path, typer.Argument(metavar="RECIPE|RUN", help="A recipe (YAML), or a run directory.")]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEY=VALUE]...", help="Overrides, such as seed=1 or train.agent.epochs=1."),
]
RunDir = Annotated[Path | None, typer.Option(help="Where the run goes; runs/NAME of the recipe without it.")]
Restart = Annotated[
    bool,
    typer.Option("--restart", help="Archive half-done stages that were begun with other settings, and begin again."),
]
StageName = Annotated[str | None, typer.Option("--stage", help="Only the stage of this name.")]


@app.command()
def run(target: Target, overrides: Overrides = None, run_dir: RunDir = None, restart: Restart = False) -> None:
    """Walk a whole recipe: roll out, grade, curate, train, evaluate, report. Run it again to go on."""
    recipe, directory = _recipe_and_run(target, overrides, run_dir)
    from understudy.pipeline import run_recipe
    from understudy.report import terminal_table

    run_recipe(recipe, directory, restart=restart, say=_say)
    out.print()
    out.print(terminal_table(directory))
    out.print(f"\nReport: {directory / 'report.html'}", markup=False)


def _stage_verb(kind: str, about: str) -> None:
    """Add a verb that runs the stages of one kind."""

    def verb(
        target: Target,
        overrides: Overrides = None,
        stage: StageName = None,
        run_dir: RunDir = None,
        restart: Restart = False,
    ) -> None:
        recipe, directory = _recipe_and_run(target, overrides, run_dir)
        from understudy.pipeline import run_recipe

        refs = [ref for ref in recipe.stages_of(kind) if stage in (None, ref.name)]
        if not refs:
            named = ", ".join(ref.name for ref in recipe.stages_of(kind)) or "none"
            raise typer.BadParameter(f"the recipe has no {kind} stage of that name (it has: {named})")
        run_recipe(recipe, directory, only=refs, restart=restart, say=_say)

    verb.__doc__ = about
    app.command(name=kind.replace("_", "-"))(verb)


for _kind, _builtin in STAGES.builtin.items():
    _stage_verb(_kind, _builtin.about)


@app.command()
def grade(
    target: Target,
    overrides: Overrides = None,
    run_dir: RunDir = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also what was graded before; prints changed verdicts.")
    ] = False,
) -> None:
    """Grade the attempts of a run and measure its evaluations."""
    recipe, directory = _recipe_and_run(target, overrides, run_dir)
    from understudy.pipeline import grade_run

    for line in grade_run(recipe, directory, again=again):
        _say(line)


@app.command()
def report(run_dir: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")]) -> None:
    """Write report.html from what a run holds, and print its table."""
    from understudy.report import terminal_table, write_report

    path = write_report(run_dir)
    out.print(terminal_table(run_dir))
    out.print(f"\nReport: {path}", markup=False)


@app.command()
def show(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")],
    what: Annotated[str, typer.Argument(metavar="STAGE", help="Such as rollout/teacher-agent or curate/agent.")] = "",
    which: Annotated[str, typer.Argument(metavar="ID", help="Of a trajectory; the first without it.")] = "",
    mask: Annotated[
        bool, typer.Option("--mask", help="Of a curated example: what is trained, token by token.")
    ] = False,
) -> None:
    """Read a trajectory, or what a run holds."""
    from understudy.report import show_run

    out.print(show_run(run_dir, what, which, mask=mask))


@app.command()
def compare(
    run_dirs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Runs of one recipe under several seeds.")],
    page: Annotated[
        Path | None, typer.Option(help="Also write a page, such as compare.html: two attempts at a task side by side.")
    ] = None,
) -> None:
    """Put the accuracies of several runs side by side, with their medians."""
    from understudy.pipeline import compare_runs

    out.print(compare_runs(run_dirs))
    if page is not None:
        from understudy.report import write_comparison

        out.print(f"\nPage: {write_comparison(run_dirs, page)}", markup=False)


@app.command()
def view(
    runs_dir: Annotated[Path, typer.Argument(help="Folder of run directories.")] = Path("runs"),
    host: str = "127.0.0.1",
    port: int = 7788,
) -> None:
    """Serve all runs on loopback and follow those that are going on."""
    from understudy.report import serve_view

    serve_view(runs_dir, host, port)


@app.command()
def doctor() -> None:
    """Say what this machine has and what that allows."""
    from understudy.pipeline import examine

    out.print(examine())


@app.command("serve-model")
def serve_model(
    model: Annotated[str, typer.Argument(help="Folder or Hub id.")],
    local: Annotated[bool, typer.Option("--local", help="With this package's own server; else with vLLM.")] = False,
    adapter: Annotated[str | None, typer.Option(help="LoRA adapter: folder or Hub id.")] = None,
    name: Annotated[str, typer.Option(help="What requests call the model.")] = "student",
    host: str = "127.0.0.1",
    port: int = 8000,
) -> None:
    """Serve a model over OpenAI's protocol until Ctrl-C."""
    from understudy.models import LocalConfig
    from understudy.models.serving import serve_model as serve_here
    from understudy.models.vllm_process import VllmConfig, vllm_served

    if local:
        serve_here(LocalConfig(path=model, adapter=adapter, name=name), host=host, port=port)
        return
    with vllm_served(VllmConfig(model=model, adapter=adapter, served_name=name, host=host, port=port)) as url:
        _say(f"{name} is served at {url}; Ctrl-C stops it")
        signal.pause()


@app.command("verify-student")
def verify_student(
    target: Target,
    overrides: Overrides = None,
    run_dir: RunDir = None,
    stage: StageName = None,
    url: Annotated[str | None, typer.Option(help="Server to compare with; else our own is started.")] = None,
) -> None:
    """Show that a trained student differs from its base and is the same merged and served."""
    recipe, directory = _recipe_and_run(target, overrides, run_dir)
    from understudy.pipeline import verify_students

    for line in verify_students(recipe, directory, stage, url):
        _say(line)


def _recipe_and_run(target: Path, overrides: list[str] | None, run_dir: Path | None) -> tuple[Recipe, Path]:
    from understudy.pipeline import load_recipe, recipe_of_run

    if target.is_dir():
        return recipe_of_run(target, tuple(overrides or ())), run_dir or target
    recipe = load_recipe(target, tuple(overrides or ()))
    return recipe, run_dir or Path("runs") / recipe.name


def _say(line: str) -> None:
    from understudy.progress import print_above_bars

    print_above_bars(line, out)


def main() -> None:
    """Run the command line. What is wrong is said in a line; UNDERSTUDY_TRACEBACK=1 shows where it arose."""
    errors = Console(stderr=True, soft_wrap=True, highlight=False)
    try:
        app()
    except KeyboardInterrupt:
        errors.print("\nStopped. What was computed is kept; the same command goes on.", markup=False)
        sys.exit(130)
    except Exception as error:
        if os.environ.get("UNDERSTUDY_TRACEBACK") or not _is_expected(error):
            raise
        errors.print(str(error) or type(error).__name__, markup=False, style="red")
        sys.exit(2 if type(error).__name__ == "RecipeError" else 1)


def _is_expected(error: Exception) -> bool:
    """Whether the message is written for the user: this package's own errors, files, and refused values."""
    return type(error).__module__.startswith("understudy.") or isinstance(error, OSError | ValueError)
