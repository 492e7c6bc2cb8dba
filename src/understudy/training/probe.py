"""What the student's replies are like while it trains.

In: prompts of first steps of its own examples. Out: lines of ``probe.jsonl``: the share of replies that parse, that end
by the end-of-turn token, and whose code runs. A loss says nothing of these. Not here: later steps and right answers,
which an evaluation looks at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from understudy.agents.parsing import parse_reply
from understudy.models.rendering import Renderer
from understudy.records import Example, FinishReason, Role
from understudy.runs import append_jsonl, read_jsonl, write_jsonl
from understudy.training.config import Probe
from understudy.training.running import CodeRunner
from understudy.training.summary import ProbeLine


def open_probe(
    trainer: Any,
    tokenizer: Any,
    examples: Iterable[Example],
    probe: Probe,
    path: Path,
    *,
    runner: CodeRunner | None = None,
    n_done: int = 0,
) -> Callable[[int], None]:
    """Return what probes the trainer's model: called with the number of steps done, it appends a line to ``path``.

    On several devices all sample, since the model may be spread over them, and the first writes. ``runner``: where the
    replies' code is run. ``n_done``: steps of a killed training that count; lines after them are forgotten.
    """
    renderer = Renderer(tokenizer)
    is_first = trainer.is_world_process_zero()
    if is_first and path.exists():
        write_jsonl(path, [line for line in read_jsonl(path, ProbeLine) if line.step <= n_done])
    prompts = [_first_prompt(renderer, example) for example in islice(examples, probe.n_prompts)]

    def run(step: int) -> None:
        replies = [_reply(trainer.model, prompt, renderer, probe.max_new_tokens) for prompt in prompts]
        if not is_first:
            return
        n_stopped = sum(stopped for _, stopped in replies)
        reasons = [FinishReason.STOP if stopped else FinishReason.LENGTH for _, stopped in replies]
        texts = [tokenizer.decode(ids) for ids, _ in replies]
        codes = [parse_reply(text, why).code for text, why in zip(texts, reasons, strict=True)]
        line = ProbeLine(
            step=step,
            n_replies=len(replies),
            parse_rate=sum(code is not None for code in codes) / len(replies),
            stop_rate=n_stopped / len(replies),
            code_runs_rate=runner.code_runs_rate(codes) if runner is not None else None,
            mean_tokens=sum(len(ids) for ids, _ in replies) / len(replies),
        )
        with append_jsonl(path) as writer:
            writer.write(line)

    return run


def _first_prompt(renderer: Renderer, example: Example) -> list[int]:
    first = next(index for index, message in enumerate(example.messages) if message.role is Role.ASSISTANT)
    return renderer.prompt_ids(example.messages[:first])


def _reply(model: Any, prompt: list[int], renderer: Renderer, max_new_tokens: int) -> tuple[list[int], bool]:
    """Greedy ids without the end of turn, and whether the end of turn came."""
    import torch

    was_training, end = model.training, renderer.end_of_turn_ids[-1]
    model.eval()
    try:
        with torch.no_grad():
            ids = torch.tensor([prompt], device=model.device)
            out = model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=max_new_tokens,
                do_sample=False,
                use_cache=True,
                eos_token_id=end,
                pad_token_id=end,
            )
    finally:
        model.train(was_training)
    new = out[0, len(prompt) :].tolist()
    return (new[:-1], True) if new and new[-1] == end else (new, False)
