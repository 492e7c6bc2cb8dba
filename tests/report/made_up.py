"""Tasks, attempts and scores that look like those of a real run. Nothing here is measured."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from understudy.records import (
    Candidate,
    ExecutionStatus,
    Message,
    ParseProblem,
    PrefixDelivery,
    PrefixMode,
    Role,
    Score,
    Step,
    StopReason,
    Task,
    TaskKind,
    Timing,
    ToolCall,
    Trajectory,
    Usage,
)
from understudy.runs import derive_seed

SYSTEM_PROMPT = """You solve a task by writing Python. You work in steps: in each step you think, then write code, then
see what the code printed.

Each of your replies has this form:

Thought: what you know, what you still need, and what the code will find out.
Code:
```py
# your code
```<end_code>

Your code may call these functions:

web_search(query: str) -> str: passages with titles and scores
final_answer(answer): ends the run
"""
PLACES = ("Lumora", "Vastengard", "Oriel Bay", "Tessaly", "Norwick", "Quillon", "Brae Harbour", "Sundmark")
PEOPLE = ("Ilse Tamm", "Joran Velde", "Mara Quist", "Edda Lorn", "Pavel Renner", "Tove Sandoval", "Anselm Okoro")
WORKS = ("The Salt Orchard", "A Lamp for Winter", "Harbour of Glass", "The Cartographer's Daughter", "Nine Bells")


@dataclass(frozen=True)
class Skill:
    """How good a made-up system is."""

    model: str
    accuracy: float
    breaks: float = 0.1
    """Chance that a step fails."""
    agent: bool = True
    candidates: int = 0
    tokens: int = 1
    prefixed: bool = False


def tasks_of(task_set: str, split: str, n: int, seed: int) -> list[Task]:
    """``n`` tasks of a set, ids unique over all sets."""
    draw = random.Random(derive_seed(seed, task_set, split))
    return [MAKERS[task_set](draw, f"{task_set}-{split}-{number:05d}", task_set) for number in range(n)]


def attempt(task: Task, skill: Skill, seed: int) -> Trajectory:
    """One attempt: right with the skill's accuracy."""
    draw = random.Random(derive_seed(seed, task.id, skill.model, skill.candidates))
    is_right = draw.random() < skill.accuracy * (1.15 if task.kind is TaskKind.FACT else 0.9)
    answer = task.answer if is_right else _wrong(draw, task)
    return _agent_run(draw, task, skill, answer) if skill.agent else _thought_run(draw, task, skill, answer)


def score_of(trajectory: Trajectory, correct: bool, explanation: str = "") -> Score:
    said = "equals" if correct else "differs from"
    return Score(
        trajectory_id=trajectory.id,
        grader="math" if trajectory.task.kind is TaskKind.MATH else "exact_match",
        grader_version="1",
        correct=correct,
        answer=trajectory.answer,
        explanation=explanation or f"{trajectory.answer!r} {said} the reference {trajectory.task.answer!r}.",
        grounded=(trajectory.task.answer in "".join(m.content for m in trajectory.messages[2:]))
        if trajectory.task.kind is TaskKind.FACT
        else None,
    )


def _fact(draw: random.Random, task_id: str, source: str) -> Task:
    work, person, place = draw.choice(WORKS), draw.choice(PEOPLE), draw.choice(PLACES)
    question = f"In which town was the author of “{work}” ({draw.randint(1890, 1990)}) born, the one named {person}?"
    return Task(id=task_id, question=question, answer=place, kind=TaskKind.FACT, source=source, type="bridge")


def _math(draw: random.Random, task_id: str, source: str) -> Task:
    n, k = draw.randint(200, 9000), draw.randint(3, 19)
    question = f"How many positive integers up to ${n}$ are divisible by ${k}$ or by ${k + 4}$, but not by both?"
    answer = sum((i % k == 0) != (i % (k + 4) == 0) for i in range(1, n + 1))
    return Task(
        id=task_id, question=question, answer=str(answer), kind=TaskKind.MATH, source=source, level=str(k % 5 + 1)
    )


MAKERS: dict[str, Callable[[random.Random, str, str], Task]] = {
    "hotpotqa": _fact,
    "bamboogle": _fact,
    "math500": _math,
    "gsm_hard": _math,
}


def _wrong(draw: random.Random, task: Task) -> str | None:
    if draw.random() < 0.12:
        return None
    if task.kind is TaskKind.MATH:
        return str(int(task.answer) + draw.randint(1, 40))
    return draw.choice([place for place in PLACES if place != task.answer])


def _thought_run(draw: random.Random, task: Task, skill: Skill, answer: str | None) -> Trajectory:
    text = f"Let me think step by step.\n\nThe question is about {task.type or 'numbers'}. "
    text += "First I recall what I know; then I combine it.\n\n" * draw.randint(1, 4)
    text += f"So the answer is \\boxed{{{answer}}}." if answer else "I go on and on and on"
    messages = (Message(role=Role.USER, content=task.question), Message(role=Role.ASSISTANT, content=text))
    usage = Usage(prompt_tokens=180, completion_tokens=draw.randint(120, 600), requests=1)
    timing = Timing(model_s=draw.uniform(0.4, 2))
    return Trajectory(
        task=task,
        agent="chain_of_thought",
        model=skill.model,
        seed=derive_seed(task.id),
        messages=messages,
        steps=(Step(message_index=1, usage=usage, timing=timing, mean_logprob=-0.4),),
        stop_reason=StopReason.ANSWERED if answer else StopReason.CUT_BY_LENGTH,
        answer=answer,
        usage=usage,
        timing=timing,
    )


def _agent_run(draw: random.Random, task: Task, skill: Skill, answer: str | None) -> Trajectory:
    messages = [Message(role=Role.SYSTEM, content=SYSTEM_PROMPT), Message(role=Role.USER, content=task.question)]
    steps: list[Step] = []
    given = "First, I should find out what the question rests on before I compute anything." if skill.prefixed else ""
    for reply, observation, step in _steps(draw, task, skill, answer):
        content = reply if steps or not given else reply.replace("Thought: ", f"Thought: {given} ", 1)
        first = len("Thought: ") + len(given) if given and not steps else 0
        messages.append(Message(role=Role.ASSISTANT, content=content))
        steps.append(step.model_copy(update={"message_index": len(messages) - 1, "prefilled_chars": first}))
        if not step.is_final:
            messages.append(Message(role=Role.USER, content=observation))
    total = sum((step.usage for step in steps), Usage())
    return Trajectory(
        task=task,
        agent="code_agent",
        model=skill.model,
        seed=derive_seed(task.id, skill.model),
        prompt_hash="9f8e7d6c5b4a3928",
        messages=tuple(messages),
        steps=tuple(steps),
        stop_reason=StopReason.ANSWERED if answer else StopReason.STEP_LIMIT,
        answer=answer,
        prefix_mode=PrefixMode.PREFIX if given else PrefixMode.NONE,
        prefix_delivery=PrefixDelivery.CONTINUED if given else None,
        usage=total,
        timing=sum((step.timing for step in steps), Timing()),
    )


def _steps(draw: random.Random, task: Task, skill: Skill, answer: str | None) -> Iterator[tuple[str, str, Step]]:
    for number in range(draw.randint(1, 3) if answer else 5):
        if draw.random() < skill.breaks:
            yield _broken(draw, skill)
        elif task.kind is TaskKind.FACT:
            yield _search(draw, task, skill, number)
        else:
            code = "n = 0\nfor i in range(1, 1001):  # brute force\n    n += (i % 6 == 0) != (i % 10 == 0)\nprint(n)"
            reply = _reply("The numbers are few enough to count them one by one, so I do that with a loop.", code)
            yield reply, f"Observation:\nExecution logs:\n{draw.randint(10, 900)}\n", _step(draw, skill, "133")
    if answer:
        step = _step(draw, skill, answer)
        code = f"result = {answer!r}\nfinal_answer(result)"
        yield _reply("I have what I need and answer.", code), "", step.model_copy(update={"is_final": True})


def _search(draw: random.Random, task: Task, skill: Skill, number: int) -> tuple[str, str, Step]:
    person, place = draw.choice(PEOPLE), task.answer if number else draw.choice(PLACES)
    query = f"{person} writer born" if number else task.question[:40]
    passages = "\n".join(
        f"[{rank}] {draw.choice(WORKS)} (similarity 0.8{9 - rank})\n{person} (born {draw.randint(1, 28)} May "
        f"{draw.randint(1880, 1960)} in {place}) was a novelist and translator, known for a cycle of stories about "
        "the northern harbours, which went through many editions and was translated into eleven languages."
        for rank in (1, 2, 3)
    )
    call = ToolCall(name="web_search", arguments=f'{{"query": "{query}"}}', cached=draw.random() < 0.2)
    reply = _reply("I have to find the author first, then where the author was born.", f'print(web_search("{query}"))')
    step = _step(draw, skill, passages).model_copy(update={"tool_calls": (call,)})
    return reply, f"Observation:\nExecution logs:\n{passages}\n", step


def _broken(draw: random.Random, skill: Skill) -> tuple[str, str, Step]:
    if draw.random() < 0.4:
        problem = draw.choice((ParseProblem.NO_CODE, ParseProblem.SEVERAL_BLOCKS, ParseProblem.SYNTAX_ERROR))
        step = _step(draw, skill, "").model_copy(update={"parse_problem": problem, "execution_status": None})
        return "Thought: I am sure I know this one.", "Observation:\nYour reply holds no code block. Try again.\n", step
    status = draw.choice((ExecutionStatus.ERROR, ExecutionStatus.ERROR, ExecutionStatus.TIMEOUT))
    failed = {"execution_status": status, "error_name": "NameError" if status is ExecutionStatus.ERROR else ""}
    text = "Observation:\nline 2: NameError: name 'passages' is not defined\nTry again with other code.\n"
    code = "for line in passages:\n    print(line)"
    return _reply("I print them.", code), text, _step(draw, skill, "").model_copy(update=failed)


def _reply(thought: str, code: str) -> str:
    return f"Thought: {thought}\nCode:\n```py\n{code}\n```<end_code>"


def _step(draw: random.Random, skill: Skill, outcome: str) -> Step:
    usage = Usage(
        prompt_tokens=draw.randint(400, 900) * skill.tokens,
        completion_tokens=draw.randint(40, 140) * max(1, skill.candidates),
        requests=1,
    )
    return Step(
        message_index=0,
        execution_status=ExecutionStatus.OK,
        usage=usage,
        timing=Timing(model_s=draw.uniform(0.2, 1.5), code_s=draw.uniform(0, 0.2)),
        candidates=tuple(_candidates(draw, skill.candidates, outcome)),
        mean_logprob=-0.3,
    )


def _candidates(draw: random.Random, n: int, outcome: str) -> Iterator[Candidate]:
    for number in range(n):
        is_bad, is_other = draw.random() < 0.2, draw.random() < 0.25
        yield Candidate(
            reply=_reply("I print them." if is_bad else "I compute it.", "print(passages)" if is_bad else "print(n)"),
            execution_status=ExecutionStatus.ERROR if is_bad and number else ExecutionStatus.OK,
            observation="NameError: name 'passages' is not defined" if is_bad and number else f"{outcome[:60]}",
            vote=None if is_bad and number else 1 if is_other and number else 0,
            mean_logprob=-draw.random(),
            completion_tokens=draw.randint(40, 140),
            chosen=number == 0,
        )
