"""A whole recipe of the toy world that needs no training to be useful: a dozen questions, a program as teacher."""

from __future__ import annotations

from understudy.records import StageRef

RECIPE = """\
name: small
description: A few questions of the toy world.
tasks:
  train: {name: toy, split: train, limit: 12}
  test: {name: toy, split: test, limit: N_TEST}
retrieval: {kind: memory, corpus: toy}
tools: {search: {k: 1, shape: brief}}
sandbox: {preload: []}
models:
  teacher: {kind: scripted, program: "understudy.tasks.toy:toy_teacher", options: {error_rate: 0.2}}
  base: {kind: local, path: "package:understudy/demo/base", device: cpu}
agents:
  agent: {kind: code_agent, prompts: minimal, max_steps: 3}
rollout:
  teacher: {tasks: [train], model: teacher, agent: agent}
curate:
  agent: {rollouts: [teacher], agent: agent}
train:
  agent: {examples: agent, base: base, method: full, epochs: null, max_steps: 2, batch_size: 2}
evaluate:
  teacher: {label: Teacher, model: teacher, agent: agent, tasks: [test]}
  agent: {label: Student, model: train/agent, agent: agent, tasks: [test]}
"""
WITHOUT_TRAINING = [StageRef.parse(one) for one in ("rollout/teacher", "curate/agent", "evaluate/teacher")]


def small_recipe(n_test: int) -> str:
    """The recipe with so many test questions."""
    return RECIPE.replace("N_TEST", str(n_test))
