"""Is the student that is evaluated and served the student that was trained? ``understudy verify-student``.

In: a recipe and its run. Out: one line a comparison, or ``StudentMismatchError``. The prompts are those that the
student read in training. The compared server is this package's own, started for the check, or one by URL. An evaluation
begins with the part that needs no server, once for each checkpoint.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from understudy.models import Device, LocalConfig, OpenAIChatConfig
from understudy.models.calls import CALL_FORMS
from understudy.models.engines.engine import serving_engine
from understudy.models.parity import ParityReport, check_student
from understudy.models.serving import served
from understudy.pipeline.context import RunContext
from understudy.pipeline.recipe import Recipe
from understudy.pipeline.run_directory import RunDirectory
from understudy.records import Message, StageRef, Target, ToolSchema
from understudy.run_layout import PARITY
from understudy.runs import write_atomic
from understudy.training import merge, read_card

N_PROMPTS = 8
N_PROMPTS_BEFORE_USE = 2
"""Number of prompts of the short check before an evaluation."""


def verify_students(
    recipe: Recipe, run_dir: Path, stage: str | None = None, url: str | None = None, served_name: str | None = None
) -> Iterator[str]:
    """Compare each trained student, or the one of ``stage``, with its base, its merged weights and a server.

    ``served_name``: what the server at ``url`` calls the student; None: the name of its stage.

    Raises ``ValueError`` for a stage that is not in the recipe, ``FileNotFoundError`` for one that was not trained,
    ``AdapterWithoutEffectError``, ``StudentMismatchError``.
    """
    chosen = choose_trainings(recipe, run_dir, stage)
    with RunContext(recipe, RunDirectory(run_dir), quiet=True) as context:
        for ref in chosen:
            report = _check(context, ref, url, served_name or str(ref))
            yield f"{ref}: {report.reference}, {report.n_prompts} prompts"
            yield from comparison_lines(report)


def comparison_lines(report: ParityReport) -> Iterator[str]:
    """A line for each system, and how vLLM is started for a student that calls tools."""
    for one in report.systems:
        difference = one.mean_difference_nat
        distance = "no log-probabilities" if difference is None else f"{difference:.2g} nat apart on average"
        yield f"  {one.system}: {distance} over {one.n_tokens} tokens, greedy agreement {one.greedy_agreement:.0%}"
    if report.call_form:
        parser = CALL_FORMS[report.call_form].vllm_parser
        flags = f"--enable-auto-tool-choice --tool-call-parser {parser}"
        yield f"  tool calls in the form {report.call_form}; vLLM reads them with {flags}"


def choose_trainings(recipe: Recipe, run_dir: Path, stage: str | None) -> list[StageRef]:
    """The stages that train a student, or the one of this name. Raises ``ValueError`` if there is none."""
    trainings = [ref for ref in recipe.ordered_stages() if recipe.stage_class(ref).provides is Target.MODEL]
    chosen = [ref for ref in trainings if stage in (None, ref.name, str(ref))]
    if stage is not None and not chosen:
        raise ValueError(f"stage: expected one of {', '.join(map(str, trainings)) or '(none)'}; got {stage!r}")
    if not chosen:
        raise ValueError(f"{run_dir}: expected a run whose recipe trains a student; it has no stage that does")
    return chosen


def choose_training(recipe: Recipe, run_dir: Path, stage: str | None, purpose: str) -> StageRef:
    """The only training stage, or the named one. ``purpose``: as in "to export". Raises as ``choose_trainings`` does,
    and ``ValueError`` for several.
    """
    trainings = choose_trainings(recipe, run_dir, stage)
    if len(trainings) > 1:
        raise ValueError(f"--stage: the run trains {', '.join(map(str, trainings))}; name the one {purpose}")
    return trainings[0]


def verify_before_use(context: RunContext, ref: StageRef, *, elsewhere: bool = False) -> ParityReport:
    """The check at the beginning of an evaluation of a trained student; ``parity.json`` beside its checkpoint holds the
    result.

    The student must differ from its base, and be the same with its adapter beside the base, as training left it, and
    merged in memory, as agents run it. The next model of this run takes the weights that were compared, unless a server
    computes it, or other processes do (``elsewhere``). Raises ``AdapterWithoutEffectError``, ``StudentMismatchError``.
    """
    path = context.directory.folder(ref) / PARITY
    if path.exists():
        return ParityReport.model_validate_json(path.read_bytes())
    base, adapter, untrained = _student(context, ref)
    is_served = serving_engine(base) is not None
    if is_served:
        base = base.model_copy(update={"device": Device.CPU})  # servers may hold the memory of the GPUs
    prompts = training_prompts(context, ref)[:N_PROMPTS_BEFORE_USE]
    report = check_student(
        base,
        [one[0] for one in prompts],
        adapter=adapter,
        untrained=untrained,
        acting=True,
        tools=[one[1] for one in prompts],
        keep=None if is_served or elsewhere else partial(context.servers.pass_on, context.local_config(str(ref))),
    )
    write_atomic(path, report.model_dump_json(indent=1) + "\n")
    return report


def _check(context: RunContext, ref: StageRef, url: str | None, served_name: str) -> ParityReport:
    base, adapter, untrained = _student(context, ref)
    prompts = training_prompts(context, ref)
    messages, tools = [one[0] for one in prompts], [one[1] for one in prompts]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        merged = None
        if adapter is not None:
            merged = str(Path(folder) / "merged")
            merge(Path(adapter), Path(merged))
        if url is None:
            url, served_name = stack.enter_context(served(context.local_config(str(ref)))), str(ref)
        return check_student(
            base,
            messages,
            tools=tools,
            adapter=adapter,
            untrained=untrained,
            merged=merged,
            server=OpenAIChatConfig(model=served_name, base_urls=(url,)),
        )


def _student(context: RunContext, ref: StageRef) -> tuple[LocalConfig, str | None, str | None]:
    """Weights, adapter, and for full weights those that the training began with."""
    config = context.local_config(str(ref))
    untrained = read_card(context.checkpoint(ref)).base if config.adapter is None else None
    return config.model_copy(update={"adapter": None}), config.adapter, untrained


def training_prompts(context: RunContext, ref: StageRef) -> list[tuple[tuple[Message, ...], tuple[ToolSchema, ...]]]:
    """Prompts that the student read in training before its first replies, and the tools that it was given."""
    stage: Any = context.recipe.stage_class(ref)
    return list(islice(stage(context, ref, context.recipe.config(ref)).prompts(), N_PROMPTS))
