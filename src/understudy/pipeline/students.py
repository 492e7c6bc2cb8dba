"""Is the student that is evaluated and served the student that was trained? ``understudy check-student``.

In: a recipe and its run. Out: one line a comparison, or ``StudentMismatchError``. The prompts are the openings of the
student's own examples. The server that is compared is this package's own, started for the check, or one named by URL.
An evaluation begins with the part that needs no server, once for each checkpoint.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from understudy.models import LocalConfig, OpenAIChatConfig
from understudy.models.parity import ParityReport, check_student
from understudy.models.serving import served
from understudy.pipeline.props import Props
from understudy.pipeline.run_directory import RunDirectory
from understudy.recipe import Recipe, StageRef
from understudy.records import Example, Message, Role, StageKind
from understudy.runs import read_jsonl, write_atomic
from understudy.training import merge, read_card

N_PROMPTS = 8
N_PROVING_PROMPTS = 2
"""Of the short check before an evaluation."""


def check_students(recipe: Recipe, run_dir: Path, stage: str | None = None, url: str | None = None) -> Iterator[str]:
    """Compare each trained student, or the one of ``stage``, with its base, its merged weights and a server.

    Raises ``ValueError`` for a stage that is not in the recipe, ``FileNotFoundError`` for one that was not trained,
    ``AdapterWithoutEffectError``, ``StudentMismatchError``.
    """
    trainings = [ref for ref in recipe.stages() if ref.kind.is_training]
    chosen = [ref for ref in trainings if stage in (None, ref.name, str(ref))]
    if stage is not None and not chosen:
        raise ValueError(f"stage: expected one of {', '.join(map(str, trainings)) or '(none)'}; came {stage!r}")
    with Props(recipe, RunDirectory(run_dir), quiet=True) as props:
        for ref in chosen:
            report = _check(props, ref, url)
            yield f"{ref}: {report.reference}, {report.n_prompts} prompts"
            for one in report.systems:
                difference = one.mean_difference_nat
                told = "no log-probabilities" if difference is None else f"{difference:.2g} nat apart on average"
                yield f"  {one.system}: {told} over {one.n_tokens} tokens, greedy agreement {one.greedy_agreement:.0%}"


def prove_student(props: Props, ref: StageRef) -> ParityReport:
    """What an evaluation of a trained student begins with; ``parity.json`` beside its checkpoint says how it came out.

    The student must differ from its base, and be the same with its adapter beside the base, as training left it, and
    merged in memory, as agents run it. Raises ``AdapterWithoutEffectError``, ``StudentMismatchError``.
    """
    path = props.directory.folder(ref) / "parity.json"
    if path.exists():
        return ParityReport.model_validate_json(path.read_bytes())
    base, adapter, untrained = _student(props, ref)
    prompts = _prompts(props, ref)[:N_PROVING_PROMPTS]
    report = check_student(base, prompts, adapter=adapter, untrained=untrained, acting=adapter is not None)
    write_atomic(path, report.model_dump_json(indent=1) + "\n")
    return report


def _check(props: Props, ref: StageRef, url: str | None) -> ParityReport:
    base, adapter, untrained = _student(props, ref)
    prompts = _prompts(props, ref)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        merged = None
        if adapter is not None:
            merged = str(Path(folder) / "merged")
            merge(Path(adapter), Path(merged))
        if url is None:
            url = stack.enter_context(served(props.local_config(str(ref))))
        return check_student(
            base,
            prompts,
            adapter=adapter,
            untrained=untrained,
            merged=merged,
            server=OpenAIChatConfig(model=str(ref), base_urls=(url,)),
        )


def _student(props: Props, ref: StageRef) -> tuple[LocalConfig, str | None, str | None]:
    """Weights, adapter, and for weights that were trained whole the ones that the training began with."""
    config = props.local_config(str(ref))
    untrained = read_card(props.checkpoint(ref)).base if config.adapter is None else None
    return config.model_copy(update={"adapter": None}), config.adapter, untrained


def _prompts(props: Props, ref: StageRef) -> list[tuple[Message, ...]]:
    """Openings of the first examples: all that comes before the first reply."""
    (curation,) = (taken for taken in props.recipe.inputs(ref) if taken.kind is StageKind.CURATE)
    prompts = []
    for example in read_jsonl(props.directory.folder(curation) / "examples.jsonl", Example):
        first_reply = next(n for n, message in enumerate(example.messages) if message.role is Role.ASSISTANT)
        prompts.append(example.messages[:first_reply])
        if len(prompts) == N_PROMPTS:
            break
    return prompts
