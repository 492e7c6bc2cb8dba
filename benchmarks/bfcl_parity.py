"""Compares our grader with BFCL's own checker: ``python -m benchmarks.bfcl_parity [limit]``.

In: BFCL's reference calls, and the same with one change each: a call missing, two calls swapped, a wrong argument, an
extra effect. Out: for each kind, how many both find right, how many both find wrong, how often they disagree. BFCL's
checker gets the calls as text; our grader gets the trajectory of an agent that made them in our environment.
"""

from __future__ import annotations

import ast
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, Literal

from understudy.agents import Agent, AgentRuntime, RuntimeConfig
from understudy.agents.config import CodeAgentConfig, ToolCallingConfig
from understudy.environments import ENVIRONMENTS
from understudy.grading.bfcl import judge
from understudy.models import Request, ScriptedModel
from understudy.sandbox import SandboxConfig
from understudy.tasks.bfcl import BfclEntry, bfcl_tasks, load_set
from understudy.tasks.bfcl.data import SET_NAMES
from understudy.tasks.bfcl.teacher import call_reply, code_reply

Form = Literal["code", "calls"]
FORMS: tuple[Form, ...] = ("calls", "code")
KINDS = ("missing", "swapped", "wrong argument", "extra effect")
EXTRA = {
    "GorillaFileSystem": "touch(file_name='extra.txt')",
    "MessageAPI": "add_contact(user_name='Extra')",
    "TicketAPI": "ticket_login(username='extra', password='extra')",
    "TradingBot": "fund_account(amount=1.0)",
    "TravelAPI": "register_credit_card(access_token='x', card_number='1', expiration_date='1', cardholder_name='x',"
    " card_verification_number=1)",
    "TwitterAPI": "authenticate_twitter(username='extra', password='extra')",
    "VehicleControlAPI": "fillFuelTank(fuelAmount=1.0)",
    "MathAPI": "add(a=1.0, b=1.0)",
}


def disturbed(entry: BfclEntry, kind: str) -> BfclEntry:
    """The task with other calls in one of its turns."""
    rng = Random(f"{entry.id} {kind}")
    turns = [list(calls) for calls in entry.truth]
    filled = [number for number, calls in enumerate(turns) if calls]
    number = rng.choice([one for one in filled if len(turns[one]) > 1] or filled)
    calls = turns[number]
    at = rng.randrange(len(calls))
    if kind == "missing":
        del calls[at]
    elif kind == "swapped":
        other = turns[rng.choice(filled)] if len(calls) == 1 else calls
        there = (at + 1) % len(other)
        calls[at], other[there] = other[there], calls[at]
    elif kind == "wrong argument":
        calls[at] = _with_wrong_argument(calls[at], rng)
    else:
        calls.insert(at, EXTRA[rng.choice(entry.classes)])
    return entry.model_copy(update={"truth": tuple(map(tuple, turns))})


def _with_wrong_argument(call: str, rng: Random) -> str:
    node: Any = ast.parse(call, mode="eval").body
    values = [*node.args, *(one.value for one in node.keywords)]
    if not values:
        return call
    chosen = rng.choice(values)
    changed = ast.Constant(_wrong(ast.literal_eval(chosen)))
    node.args = [changed if one is chosen else one for one in node.args]
    for one in node.keywords:
        one.value = changed if one.value is chosen else one.value
    return ast.unparse(node)


def _wrong(value: Any) -> Any:
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return f"{value} x"
        case list():
            return value[:-1]
    return None


def official(entry: BfclEntry, made: BfclEntry, calls_a_step: int) -> bool:
    """What BFCL's checker says of calls, as its own evaluation calls it."""
    from bfcl_eval.eval_checker.multi_turn_eval.multi_turn_checker import multi_turn_checker

    steps = [
        [list(turn[start : start + calls_a_step]) for start in range(0, len(turn), calls_a_step)] for turn in made.truth
    ]
    question = {"id": entry.id, "initial_config": entry.config, "involved_classes": list(entry.classes)}
    name = f"official_{time.monotonic_ns()}"
    found = multi_turn_checker(steps, list(map(list, entry.truth)), question, f"multi_turn_{entry.set}", name)
    return bool(found["valid"])


def opened_agent(runtime: AgentRuntime, form: Form, made: BfclEntry, calls_a_step: int) -> Agent:
    """An agent that makes the calls of a task."""
    if form == "code":
        program: Callable[[Request], Any] = lambda request: code_reply(made, request, calls_a_step)  # noqa: E731
        return runtime.open_agent(CodeAgentConfig(prompts="minimal", max_steps=40), ScriptedModel(program, "made"))
    program = lambda request: call_reply(made, request, calls_a_step)  # noqa: E731
    return runtime.open_agent(ToolCallingConfig(prompts="minimal", max_steps=40), ScriptedModel(program, "made"))


def compare(form: Form, kinds: tuple[str, ...], limit: int, calls_a_step: int = 1) -> Iterator[tuple[str, bool, bool]]:
    """Kind, BFCL's verdict, ours. Each task of all sets has one of the kinds, in turn; ``limit``: tasks of a set."""
    config = RuntimeConfig(environment=ENVIRONMENTS.validate("bfcl"), sandbox=SandboxConfig(preload=()))
    with AgentRuntime(config) as runtime:
        for name in SET_NAMES:
            tasks = bfcl_tasks(name)
            for number, entry in enumerate(load_set(name)[:limit]):
                kind = kinds[number % len(kinds)]
                made = entry if kind == "reference" else disturbed(entry, kind)
                trajectory = opened_agent(runtime, form, made, calls_a_step).solve(tasks[number])
                yield kind, official(entry, made, calls_a_step), judge(trajectory).correct is True


def main() -> None:
    limit = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    print("| calls | form | dialogues | both: right | both: wrong | they disagree |")
    print("|---|---|---|---|---|---|")
    for form in FORMS:
        for kinds in (("reference",), KINDS):
            found = Counter(compare(form, kinds, limit))
            for kind in kinds:
                right, wrong = found[kind, True, True], found[kind, False, False]
                apart = found[kind, True, False] + found[kind, False, True]
                print(f"| {kind} | {form} | {right + wrong + apart} | {right} | {wrong} | {apart} |", flush=True)


if __name__ == "__main__":
    main()
