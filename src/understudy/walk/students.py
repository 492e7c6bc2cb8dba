"""Is the student that is evaluated and served the student that was trained? ``understudy check-student``.

In: a recipe and its run. Out: one line a comparison, or ``StudentMismatchError``. The prompts are the openings of the
student's own examples. The server that is compared is this package's own, started for the check, or one named by URL.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from understudy.models import LocalConfig, OpenAIChatConfig
from understudy.models.parity import ParityReport, check_student
from understudy.models.serving import served
from understudy.recipe import Recipe, StageRef
from understudy.records import Example, Message, Role, StageKind
from understudy.runs import read_jsonl
from understudy.train import merge
from understudy.walk.props import Props
from understudy.walk.run_directory import RunDirectory

N_PROMPTS = 8


def check_students(recipe: Recipe, run_dir: Path, stage: str | None = None, url: str | None = None) -> Iterator[str]:
    """Compare each trained student, or the one of ``stage``, with its base, its merged weights and a server.

    Raises ``ValueError`` for a stage that is not in the recipe, ``FileNotFoundError`` for one that was not trained,
    ``AdapterWithoutEffectError``, ``StudentMismatchError``.
    """
    names = list(recipe.train) if stage is None else [stage]
    if unknown := [name for name in names if name not in recipe.train]:
        raise ValueError(f"stage: expected one of {', '.join(recipe.train) or '(none)'}; came {unknown[0]!r}")
    with Props(recipe, RunDirectory(run_dir), quiet=True) as props:
        for name in names:
            report = _check(props, name, url)
            yield f"train/{name}: {report.reference}, {report.n_prompts} prompts"
            for one in report.systems:
                difference = one.mean_difference_nat
                told = "no log-probabilities" if difference is None else f"{difference:.2g} nat apart on average"
                yield f"  {one.system}: {told} over {one.n_tokens} tokens, greedy agreement {one.greedy_agreement:.0%}"


def check_effect(props: Props, name: str) -> ParityReport | None:
    """The check that every evaluation begins with: an adapter must have an effect. None for full weights."""
    config = _student(props, name)
    if config.adapter is None:
        return None
    return check_student(config.model_copy(update={"adapter": None}), _prompts(props, name)[:2], adapter=config.adapter)


def _check(props: Props, name: str, url: str | None) -> ParityReport:
    config, prompts = _student(props, name), _prompts(props, name)
    base = config.model_copy(update={"adapter": None})
    with tempfile.TemporaryDirectory() as folder:
        merged = None
        if config.adapter is not None:
            merged = str(Path(folder) / "merged")
            merge(Path(config.adapter), Path(merged))
        if url is not None:
            server = OpenAIChatConfig(model=config.name or config.path, base_urls=(url,))
            return check_student(base, prompts, adapter=config.adapter, merged=merged, server=server)
        with served(config) as own_url:
            server = OpenAIChatConfig(model=config.name or config.path, base_urls=(own_url,))
            return check_student(base, prompts, adapter=config.adapter, merged=merged, server=server)


def _student(props: Props, name: str) -> LocalConfig:
    return props.local_config(f"train/{name}")


def _prompts(props: Props, name: str) -> list[tuple[Message, ...]]:
    """Openings of the first examples: all that comes before the first reply."""
    curation = StageRef(kind=StageKind.CURATE, name=props.recipe.train[name].examples)
    prompts = []
    for example in read_jsonl(props.directory.folder(curation) / "examples.jsonl", Example):
        first_reply = next(n for n, message in enumerate(example.messages) if message.role is Role.ASSISTANT)
        prompts.append(example.messages[:first_reply])
        if len(prompts) == N_PROMPTS:
            break
    return prompts
