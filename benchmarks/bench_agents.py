"""Tasks per CPU-second of a distilled student in the toy world, compared with two peers in the same run.

    python -m benchmarks.bench_agents --path CHECKPOINT [--tasks 16] [--candidates 1 8] [--generate-tasks 4]
        [--role student]

In: a student's checkpoint, such as ``runs/demo-real/train/agent/checkpoint`` after ``make demo-real``; without one the
program says so and measures nothing. Out: a row for each engine: this package's, the same without kept keys and values
(``prefix_cache_gb: 0``), the same with weights of eight bits (``quantization: int8``), and one call of transformers'
``generate()`` per step, on fewer of the questions because it is slow. Then what eight bits change: log-probabilities
and greedy tokens of the first engine's last replies. The prompts are the paper's, a search gives three passages. Right
answers, steps and tokens are shown beside the rates, because replies may differ where floating-point sums do, and with
eight bits they do differ. CPU-seconds are those of this process, without the sandbox's.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import torch

from understudy.agents import CodeAgentConfig, open_agent
from understudy.agents.config import SelfConsistencyConfig
from understudy.grading import grade_all, open_grader
from understudy.models import Device, LocalConfig, Model, Quantization, Request, open_model
from understudy.models.loading import load_checkpoint
from understudy.models.rendering import Renderer
from understudy.models.scoring import Scored, Scorer
from understudy.models.stopping import cut_text
from understudy.records import Completion, FinishReason, Message, Role, Task, Trajectory, Usage
from understudy.retrieval import MemoryConfig, open_retriever
from understudy.rollouts import RolloutConfig, read_trajectories, rollout
from understudy.sandbox import SandboxConfig, open_sandbox
from understudy.tasks.toy import RECIPES_WORLD, toy_passages, toy_tasks
from understudy.tools import ToolsConfig, open_tools

MAX_TOKENS = 96
STUDENT = Path("runs/demo-real/train/agent/checkpoint")


class Generated(Model):
    """The plain way: one ``generate()`` for each request, one request at a time."""

    def __init__(self, config: LocalConfig) -> None:
        loaded = load_checkpoint(config)
        self.name, self._model, self._tokenizer = "generate()", loaded.model, loaded.tokenizer
        self._renderer, self._lock = Renderer(loaded.tokenizer), threading.Lock()

    def complete(self, request: Request) -> tuple[Completion, ...]:
        prompt = torch.tensor([self._renderer.prompt_ids(request.messages, continue_final=request.continue_final)])
        sampling: dict[str, Any] = {"do_sample": False}
        if request.temperature:
            sampling = {"do_sample": True, "temperature": request.temperature, "top_p": request.top_p, "top_k": 0}
        with self._lock, torch.inference_mode():
            torch.manual_seed(request.seed or 0)
            written = self._model.generate(
                prompt,
                attention_mask=torch.ones_like(prompt),
                num_return_sequences=request.n,
                max_new_tokens=request.max_tokens,
                stop_strings=list(request.stop),
                tokenizer=self._tokenizer,
                **sampling,
            )
        return tuple(
            self._completion(ids[prompt.shape[1] :].tolist(), prompt.shape[1] if number == 0 else 0, request.stop)
            for number, ids in enumerate(written)
        )

    def _completion(self, ids: list[int], n_prompt: int, stop: Sequence[str]) -> Completion:
        pad = self._tokenizer.pad_token_id
        while len(ids) > 1 and ids[-1] == ids[-2] == pad:
            ids.pop()
        text, _ = cut_text(self._tokenizer.decode(ids, skip_special_tokens=True), stop)
        usage = Usage(prompt_tokens=n_prompt, completion_tokens=len(ids), requests=int(n_prompt > 0))
        return Completion(text=text, finish_reason=FinishReason.STOP, usage=usage)


def measure(model: Model, tasks: Sequence[Task], n_candidates: int, role: str, folder: Path) -> list[Trajectory]:
    """Print one row; return the attempts."""
    corpus, path = folder / "corpus.jsonl", folder / f"{time.monotonic_ns()}.jsonl"
    rows = ({"title": passage.title, "text": passage.text} for passage in toy_passages(RECIPES_WORLD))
    corpus.write_text("".join(json.dumps(row) + "\n" for row in rows))
    vote = SelfConsistencyConfig(n_candidates=n_candidates) if n_candidates > 1 else None
    config = CodeAgentConfig.model_validate({"role": role, "max_tokens": MAX_TOKENS, "self_consistency": vote})
    with ExitStack() as stack:
        sandbox = stack.enter_context(open_sandbox(SandboxConfig(preload=())))
        retriever = stack.enter_context(closing(open_retriever(MemoryConfig(corpus=corpus))))
        tools = stack.enter_context(open_tools(ToolsConfig(), retriever))
        agent = open_agent(config, model, sandbox, tools, retriever)
        cpu = time.process_time()
        rollout(tasks, agent, path, RolloutConfig(in_flight=len(tasks)))
        cpu = time.process_time() - cpu
    attempts = list(read_trajectories(path))
    show(model.name, attempts, cpu)
    return attempts


def show(name: str, attempts: Sequence[Trajectory], cpu_s: float) -> None:
    usage = sum((attempt.usage for attempt in attempts), Usage())
    n_steps = sum(len(attempt.steps) for attempt in attempts)
    with open_grader() as grader:
        n_right = sum(score.correct is True for score in grade_all(grader, attempts))
    print(
        f"{name:<22}{len(attempts):>6}{n_right:>6}{n_steps:>6}{usage.prompt_tokens:>9}{usage.cached_tokens:>9}"
        f"{usage.completion_tokens:>9}{cpu_s:>9.1f}{len(attempts) / cpu_s:>10.3f}",
        flush=True,
    )


def compare(path: Path, tasks: Sequence[Task], n_generated: int, n_candidates: int, role: str) -> list[Trajectory]:
    """The engines, one after the other; returns the attempts of the first."""
    config = LocalConfig(path=str(path), name="local", device=Device.CPU)
    engines: list[LocalConfig | None] = [
        config,
        config.model_copy(update={"prefix_cache_gb": 0.0, "name": "local, nothing kept"}),
        config.model_copy(update={"quantization": Quantization.INT8, "name": "local, int8"}),
        None,
    ]
    print(f"\n{'N = ' + str(n_candidates):<22}{'tasks':>6}{'right':>6}{'steps':>6}{'prompt':>9}", end="")
    print(f"{'cached':>9}{'written':>9}{'CPU s':>9}{'/CPU-s':>10}")
    attempts = []
    with tempfile.TemporaryDirectory() as folder:
        for engine in engines:
            some = tasks[:n_generated] if engine is None else tasks
            with Generated(config) if engine is None else open_model(engine) as model:
                attempts.append(measure(model, some, n_candidates, role, Path(folder)))
    return attempts[0]


def show_loss(path: Path, attempts: Sequence[Trajectory]) -> None:
    """How weights of eight bits change the log-probabilities of the last replies."""
    scored = []
    for quantization in (None, Quantization.INT8):
        config = LocalConfig(path=str(path), device=Device.CPU, quantization=quantization)
        with Scorer(config) as scorer:
            scored.append([_score_last(scorer, attempt.messages) for attempt in attempts])
    pairs = list(zip(*scored, strict=True))
    differences = [abs(x - y) for one, other in pairs for x, y in zip(one.logprobs, other.logprobs, strict=True)]
    same = [x == y for one, other in pairs for x, y in zip(one.greedy_ids, other.greedy_ids, strict=True)]
    print(f"\nint8, {len(differences)} tokens of {len(pairs)} replies: log-probabilities differ by", end=" ")
    print(f"{sum(differences) / len(differences):.3f} nat on average, {max(differences):.2f} at most;", end=" ")
    print(f"{sum(same) / len(same):.1%} of the likeliest tokens are the same")


def _score_last(scorer: Scorer, messages: Sequence[Message]) -> Scored:
    last = max(number for number, message in enumerate(messages) if message.role is Role.ASSISTANT)
    prompt = list(scorer.renderer.prompt_ids(messages[:last]))
    reply = scorer.renderer.tokenizer(messages[last].content, add_special_tokens=False)["input_ids"]
    return scorer.score([*prompt, *reply], len(prompt))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--path", type=Path, default=STUDENT, help="the student's checkpoint")
    parser.add_argument("--tasks", type=int, default=16, help="questions")
    parser.add_argument("--generate-tasks", type=int, default=4, help="questions for generate()")
    parser.add_argument("--candidates", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--role", choices=["student", "teacher"], default="student", help="short or long prompt")
    options = parser.parse_args()
    if not options.path.exists():
        print(f"{options.path} does not exist: `make demo-real` trains this student; nothing is measured")
        return
    torch.set_num_threads(1)
    tasks = toy_tasks("test", options.tasks, RECIPES_WORLD)
    attempts: list[Trajectory] = []
    for n_candidates in options.candidates:
        attempts = compare(options.path, tasks, options.generate_tasks, n_candidates, options.role)
    show_loss(options.path, attempts)


if __name__ == "__main__":
    main()
