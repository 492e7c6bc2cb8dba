"""Distil an agent, the whole method on one page.

A teacher acts with tools. Its right attempts become training data, a small model learns from them, and it is tested on
questions with names that training never saw. All parts are those of the demo: the questions are about a toy world, the
teacher is a program in place of a large model, and the student's base has 0.7 million parameters. For a real teacher
and base, only TEACHER and BASE change. Run it from any folder:

    python examples/distil.py --out runs/distil

One run took 285 CPU-seconds on one core. Exact match on 200 test questions, with 95 % intervals: base .000 (0-.019),
student .815 (.755-.863), student with vote .815 (.755-.863), teacher .885 (.833-.922).
"""

from __future__ import annotations

import argparse
from importlib.resources import files
from pathlib import Path

from understudy import compare, curate, evaluate, first_thoughts, load_tasks, rollout, train

# For a real teacher: {"kind": "openai_chat", "model": "gpt-5-mini", "api_key_env": "OPENAI_API_KEY"}.
TEACHER = {
    "kind": "scripted",
    "program": "understudy.tasks.toy:toy_teacher",
    "options": {"error_rate": 0.1},
    "name": "teacher",
}
# For a real base: "Qwen/Qwen2.5-0.5B-Instruct".
BASE = {"kind": "local", "path": str(files("understudy") / "demo" / "base"), "name": "base", "device": "cpu"}

# The agent thinks, writes Python, reads what it printed, and ends with final_answer. `minimal` prompts are for models
# of a million parameters; leave the key out for the paper's prompts.
AGENT = {"kind": "code_agent", "prompts": "minimal", "max_steps": 5, "max_tokens": 64}
# The baseline thinks step by step in one reply, without tools.
CHAIN_OF_THOUGHT = {"kind": "chain_of_thought", "prompts": "minimal", "max_tokens": 128}
# Agents act with a search engine, which shows only the best page. A sandbox for their code opens when it is needed.
WORLD = {
    "retriever": {"kind": "memory", "corpus": "toy"},
    "search": {"k": 1, "shape": "brief"},
}


def main(out: Path, n_train: int, n_test: int, max_steps: int, n_candidates: int) -> None:
    """The whole method, from questions to the paired test. Results that are already in ``out`` are used again."""
    train_tasks = load_tasks("toy", split="train", limit=n_train)
    test_tasks = load_tasks("toy", split="test", limit=n_test)

    # 1. First thoughts. A teacher plans better in a chain of thought, without tools. It answers each question in this
    # way, and the first paragraph of each reply is kept.
    chains = rollout(train_tasks, model=TEACHER, agent=CHAIN_OF_THOUGHT, out=out / "chains")
    thoughts = first_thoughts(chains)
    print(f"first thoughts: {len(thoughts)}, such as {thoughts[0].text!r}")

    # 2. Trajectories. The teacher acts as an agent, and its first step begins with the first thought.
    with_prefix = {**AGENT, "prefix_mode": "prefix"}
    attempts = rollout(
        train_tasks, model=TEACHER, agent=with_prefix, first_thoughts=thoughts, out=out / "attempts", **WORLD
    )
    print(f"trajectories: {len(attempts)}, {attempts.accuracy:.1%} of them right")

    # 3. Filter. Kept are right attempts whose replies all parse and which end before the step limit. The examples have
    # the prompts that the student will see.
    curated = curate(attempts, agent=AGENT, **WORLD)
    print(f"examples: {len(curated.examples)}; dropped: {curated.counts}")

    # 4. Masks. Only what the teacher wrote is trained: thoughts and code, never the prompt or an observation.
    example = curated.examples[0]
    for number, message in enumerate(example.messages):
        trained = [message.content[span.start : span.end] for span in example.spans if span.message_index == number]
        print(f"  {message.role:9}  {'trained: ' + repr(trained[0]) if trained else repr(message.content)}")

    # 5. Training. All weights of this small base are trained. For a larger base leave out all settings: the
    # defaults are the paper's LoRA.
    student = train(
        curated,
        BASE,
        out / "student",
        method="full",
        learning_rate=2e-3,
        betas=(0.9, 0.98),
        schedule="stable_decay",
        warmup_ratio=0.05,
        epochs=None,
        max_steps=max_steps,
        batch_size=16,
        group_by_length=True,
    )
    print(f"trained: {student.summary.n_steps} steps, loss {student.summary.last_loss:.3f}")

    # 6. Evaluation, on names that training never saw: the base, the student, the student with self-consistent actions
    # (each step is sampled several times, run in branches of the sandbox, and the most frequent outcome is kept).
    vote = {**AGENT, "self_consistency": {"n_candidates": n_candidates, "temperature": 0.4, "top_p": 0.8}}
    base = evaluate(BASE, test_tasks, label="base", agent=AGENT, in_flight=128, **WORLD)
    alone = evaluate(student, test_tasks, label="student", agent=AGENT, in_flight=128, out=out / "alone", **WORLD)
    voted = evaluate(student, test_tasks, label="student + vote", agent=vote, out=out / "voted", **WORLD)
    teacher = evaluate(TEACHER, test_tasks, label="teacher", agent=AGENT, **WORLD)
    print(base, alone, voted, teacher, sep="\n")

    # 7. A paired test on the same questions: is the difference significant?
    for system, baseline in ((alone, base), (voted, alone)):
        test = compare(system, baseline)
        print(
            f"{test.system} minus {test.baseline}: {test.difference:+.3f} "
            f"[{test.interval.low:+.3f}, {test.interval.high:+.3f}], p = {test.p_value:.2g}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("runs/distil"), help="the folder of all results")
    parser.add_argument("--train", type=int, default=1200, help="training questions")
    parser.add_argument("--test", type=int, default=200, help="test questions")
    parser.add_argument("--steps", type=int, default=200, help="optimiser steps")
    parser.add_argument("--candidates", type=int, default=8, help="samples that vote at each step")
    chosen = parser.parse_args()
    main(chosen.out, chosen.train, chosen.test, chosen.steps, chosen.candidates)
