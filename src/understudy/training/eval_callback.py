"""The eval callback: measurements of the student's replies during a training.

In: prompts of first steps of its own examples. Out: lines of ``eval_callback.jsonl``: the share of replies that parse,
that end by the end-of-turn token, and whose code runs. A loss shows none of these. Not here: later steps and right
answers, which an evaluation measures. Importing this module loads transformers.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from understudy.agents.formats import recorded_format
from understudy.models.rendering import Renderer
from understudy.models.stopping import cut_text
from understudy.records import Example, FinishReason, Role
from understudy.runs import append_jsonl, read_jsonl, write_jsonl
from understudy.training.code_runner import CodeRunner
from understudy.training.config import EvalCallbackConfig
from understudy.training.encoding import UNLIMITED, ModelLimits
from understudy.training.summary import EvalLine


class EvalCallback(TrainerCallback):  # type: ignore[misc]  # transformers' classes have no types
    """Samples replies every few steps and after the last, and appends a line to a file.

    On several devices all sample, since the model may be spread over them, and the first writes.
    """

    def __init__(
        self,
        trainer: Any,
        renderer: Renderer,
        examples: Iterable[Example],
        config: EvalCallbackConfig,
        path: Path,
        *,
        limits: ModelLimits = UNLIMITED,
        runner: CodeRunner | None = None,
    ) -> None:
        """``runner``: where the replies' code is run; None: it is not run."""
        self._trainer = trainer
        self._renderer = renderer
        self._config = config
        self._path = path
        self._runner = runner
        longest = limits.longest(2**31) - config.max_new_tokens
        prompts = ((_first_prompt(renderer, example), example) for example in examples)
        fitting = list(islice((one for one in prompts if len(one[0]) <= longest), config.n_prompts))
        self._prompts = [prompt for prompt, _ in fitting]
        self._examples = [example for _, example in fitting]

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Forget what a killed process wrote after its last checkpoint: it will be trained again."""
        if state.is_world_process_zero and self._path.exists():
            before = read_jsonl(self._path, EvalLine)
            write_jsonl(self._path, [line for line in before if line.step <= state.global_step])

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        step = state.global_step
        is_due = step % self._config.every_steps == 0 or step == state.max_steps
        if not is_due or not self._prompts:
            return
        model, max_new_tokens = self._trainer.model, self._config.max_new_tokens
        replies = [_reply(model, prompt, self._renderer, max_new_tokens) for prompt in self._prompts]
        if state.is_world_process_zero:
            with append_jsonl(self._path) as writer:
                writer.write(self._line(step, replies))

    def _line(self, step: int, replies: list[tuple[list[int], bool]]) -> EvalLine:
        n_stopped = sum(stopped for _, stopped in replies)
        reasons = [FinishReason.STOP if stopped else FinishReason.LENGTH for _, stopped in replies]
        texts = [self._renderer.tokenizer.decode(ids) for ids, _ in replies]
        triples = list(zip(self._examples, texts, reasons, strict=True))
        codes = [None if one.tools else _code(one.action_format, text, why) for one, text, why in triples]
        called = [bool(one.tools) and self._makes_calls(one, text) for one, text, _ in triples]
        return EvalLine(
            step=step,
            n_replies=len(replies),
            parse_rate=(sum(code is not None for code in codes) + sum(called)) / len(replies),
            stop_rate=n_stopped / len(replies),
            code_runs_rate=self._runner.code_runs_rate(codes) if self._runner is not None else None,
            mean_tokens=sum(len(ids) for ids, _ in replies) / len(replies),
        )

    def _makes_calls(self, example: Example, text: str) -> bool:
        return bool(self._renderer.calls.form.parse(text, example.tools).calls)


def _code(format_name: str, text: str, reason: FinishReason) -> str | None:
    """The code of a reply, cut where an agent would cut it."""
    action_format = recorded_format(format_name)
    cut, stop_string = cut_text(text, action_format.stop)
    return action_format.parse(cut, FinishReason.STOP if stop_string else reason).code


def _first_prompt(renderer: Renderer, example: Example) -> list[int]:
    first = next(index for index, message in enumerate(example.messages) if message.role is Role.ASSISTANT)
    return renderer.prompt_ids(example.messages[:first], tools=example.tools)


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
