"""Writes the folder of a GRPO training: ``setup.json`` and ``train_grpo.py``, which is the user's to change.

In: a setup. Out: a new folder. Not here: running the script.
"""

from __future__ import annotations

from pathlib import Path

from understudy.agents import ToolCallingConfig
from understudy.reinforcement.setup import RlSetup

_SCRIPT = '''"""GRPO of the student {name} with TRL, written by `understudy export-rl`: python {file}

The rewards are those of the recipe's grader: 1 for a right attempt, else its partial credit. Change what you like.
"""

{path}from pathlib import Path

from trl import GRPOConfig, GRPOTrainer

from understudy.reinforcement import open_session

HERE = Path(__file__).parent

with open_session(HERE / "setup.json") as session:
    args = GRPOConfig(
        output_dir=str(HERE / "checkpoints"),
        learning_rate=1e-6,
        num_generations=8,  # attempts at each task, whose rewards are compared
        per_device_train_batch_size=8,
        temperature=1.0,
        max_completion_length={max_tokens},  # tokens of a reply
        max_steps=100,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        remove_unused_columns=False,
    )
    trainer = GRPOTrainer(
        model=session.model,
        processing_class=session.tokenizer,
        args=args,
{acting}
    )
    trainer.train()
    trainer.save_model(str(HERE / "student"))
'''
_BY_ROLLOUT = """        # Our agent acts, with the prompts, dialogues and worlds of the run that trained the student.
        train_dataset=session.dataset(),
        rollout_func=session.rollout,
        reward_funcs=session.reward,"""
_BY_ENVIRONMENT = """        # TRL acts: it samples the calls, and the methods of the environment answer them.
        train_dataset=session.rows(),
        environment_factory=session.environments(),
        reward_funcs=session.reward_of_calls,"""


def write_script(setup: RlSetup, folder: Path, modules: str = "") -> Path:
    """Write the folder; return the script. ``modules``: the folder of the recipe's own modules.

    Raises ``ValueError`` for a folder that is there already.
    """
    if folder.exists():
        raise ValueError(f"{folder}: expected a new folder; it is there already")
    by_environment = isinstance(setup.agent, ToolCallingConfig) and not any(task.turns for task in setup.tasks)
    script = folder / "train_grpo.py"
    text = _SCRIPT.format(
        name=setup.name,
        file=script.name,
        path=f"import sys\n\nsys.path.insert(0, {modules!r})\n\n" if modules else "",
        max_tokens=getattr(setup.agent, "max_tokens", 256),
        acting=_BY_ENVIRONMENT if by_environment else _BY_ROLLOUT,
    )
    folder.mkdir(parents=True)
    (folder / "setup.json").write_text(setup.model_dump_json(indent=1) + "\n", encoding="utf-8")
    script.write_text(text, encoding="utf-8")
    return script
