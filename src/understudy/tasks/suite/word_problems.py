"""Mathematical questions of the suite, all made by reasoning-gym, with their solutions.

In: a set and a split. Out: ``Task`` records. ``read_problem`` returns the worked solution of a question. The in-domain
questions are word problems of ``gsm_symbolic``: a quarter of its templates is reserved for the test, and the two splits
share no name and no number of two digits or more. The out-of-domain questions are sums that need exact arithmetic
(``chain_sum``), counts that need a loop (``count_primes``) and equations that need sympy (``equations``). Not here: the
wording of the teacher.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import JsonValue

from understudy.records import Task
from understudy.tasks.config import MathSet
from understudy.tasks.procedural import Origin, dataset_of, entry_at, task_of
from understudy.tasks.suite.equations import Equation, code_of, equations_in
from understudy.tasks.suite.numbers import has_only_numbers_of, may_use, numbers_in
from understudy.tasks.suite.world import SPLITS, Split

WORD_PROBLEMS: MathSet = "word_problems"
POOL_SIZE = {"train": 800, "test": 120}
"""How many questions each set has."""
_SEED = 20_000
_SIZE = 60_000
"""Length of the stream from which the pool is taken."""
_GENERATORS: dict[MathSet, tuple[str, dict[str, JsonValue]]] = {
    WORD_PROBLEMS: ("gsm_symbolic", {}),
    "chain_sum": ("chain_sum", {"min_terms": 3, "max_terms": 5, "min_digits": 5, "max_digits": 7}),
    "count_primes": ("count_primes", {"min_n": 100, "max_n": 9999}),
    "equations": ("simple_equations", {"min_terms": 3, "max_terms": 4, "min_value": 10, "max_value": 999}),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """A mathematical question and its solution."""

    name: MathSet
    question: str
    answer: str
    chain_of_thought: str = ""
    """The chain of thought of the generator, if it has one."""
    equations: tuple[Equation, ...] = ()
    """The equations of the chain of thought, in order. The last one gives the answer."""

    @property
    def code(self) -> str:
        """Python that prints the answer."""
        numbers = re.findall(r"\d+", self.question)
        if self.name == "chain_sum":
            return f"result = {self.question.partition(': ')[2].removesuffix(' =')}\nprint(result)"
        if self.name == "count_primes":
            return _COUNT_PRIMES.format(numbers[0], int(numbers[1]) + 1)
        if self.name == "equations":
            unknown = re.findall(r"\b[a-z]\b(?!\S*')", self.question.partition(":")[0])[-1]
            return _SOLVE.format(unknown, *_sides(self.question))
        return code_of(self.equations)


def math_tasks(name: MathSet, split: Split) -> Iterator[Task]:
    """All questions of a set. Only ``word_problems`` have a training split."""
    for task, _ in _pool(name, split):
        yield task


def read_problem(question: str) -> Problem | None:
    """The problem that a text states, if it is one of the suite's; else None.

    An out-of-domain question contains all the information. A word problem is looked up among those of the suite.
    """
    for pattern, name in _STATED:
        if pattern.search(question):
            return Problem(name, question, "")
    return _word_problems().get(question) if question.endswith(_ENDING) else None


_ENDING = "Give the result as your final answer. Do not include units."
_STATED: tuple[tuple[re.Pattern[str], MathSet], ...] = (
    (re.compile(r"^State the final answer to the following arithmetic problem: .+ =$"), "chain_sum"),
    (re.compile(r"^Count how many prime numbers there are between \d+ and \d+"), "count_primes"),
    (re.compile(r"^(Find the value of|Solve for|Determine the value of) \w\b.*="), "equations"),
)


_EVERYDAY = {1.0, 2.0, 3.0, 4.0, 7.0, 12.0, 24.0, 60.0, 100.0}
"""Numbers that a solution may use even if the question states them in words or not at all."""
_COUNT_PRIMES = """result = 0
for n in range({}, {}):
    if all(n % d for d in range(2, int(n ** 0.5) + 1)):
        result += 1
print(result)"""
_SOLVE = """from sympy import Symbol, solve
{0} = Symbol("{0}")
result = solve({1} - ({2}), {0})[0]
print(result)"""


def _sides(question: str) -> list[str]:
    """The two sides of the equation at the end of a question."""
    stated = next(part for part in reversed(re.split(r": |\n", question)) if "=" in part)
    return [side.strip() for side in stated.split("=")]


@lru_cache(maxsize=1)
def _word_problems() -> dict[str, Problem]:
    return {
        task.question: Problem(
            WORD_PROBLEMS,
            task.question,
            task.answer or "",
            chain_of_thought=_chain_of_thought(entry),
            equations=equations_in(_chain_of_thought(entry)),
        )
        for split in SPLITS
        for task, entry in _pool(WORD_PROBLEMS, split)
    }


def _chain_of_thought(entry: dict[str, Any]) -> str:
    return str(entry["metadata"]["answer_cot"]).partition("####")[0].strip()


@lru_cache(maxsize=8)
def _pool(name: MathSet, split: Split) -> tuple[tuple[Task, dict[str, Any]], ...]:
    """The questions of a set with their entries: the first questions of the stream that fit the split."""
    generator, options = _GENERATORS[name]
    origin = Origin(generator=generator, options=options, seed=_SEED, size=_SIZE, index=0)
    found: dict[str, tuple[Task, dict[str, Any]]] = {}
    n_of: Counter[int] = Counter()
    for index in range(_SIZE):
        if len(found) == POOL_SIZE[split]:
            break
        template = dataset_of(origin).task_indices[index] if name == WORD_PROBLEMS else -1 - index
        if (template >= 0 and (template % 4 == 3) != (split == "test")) or n_of[template] == POOL_SIZE[split] // 12:
            continue
        here = origin.model_copy(update={"index": index})
        entry = entry_at(here)
        if entry["question"] not in found and _may_ask(entry, split) and (name != WORD_PROBLEMS or _is_solved(entry)):
            number = f"{name}-{split}-{len(found):04d}"
            task = task_of(here, name).model_copy(update={"id": number, "split": split, "source": name, "type": name})
            found[entry["question"]] = (task, entry)
            n_of[template] += 1
    return tuple(found.values())


def _may_ask(entry: dict[str, Any], split: Split) -> bool:
    variables = entry["metadata"].get("variables", {}).values()
    names = [one for value in variables for one in (value if isinstance(value, list) else [value])]
    entities = [one for one in names if isinstance(one, str) and one[:1].isupper()]
    return has_only_numbers_of(entry["question"], split) and all(may_use(one, split) for one in entities)


def _is_solved(entry: dict[str, Any]) -> bool:
    """Whether the equations of the chain of thought lead from the question to the answer; some omit steps."""
    equations = equations_in(_chain_of_thought(entry))
    known = {float(number) for number in numbers_in(entry["question"])} | _EVERYDAY
    known |= {number / 100 for number in known}
    for equation in equations:
        if not {float(number) for number in numbers_in(equation.sum)} <= known:
            return False
        known.add(float(equation.result))
    return bool(equations) and float(equations[-1].result) == float(entry["answer"])
