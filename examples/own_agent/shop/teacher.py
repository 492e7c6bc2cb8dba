"""The teacher of this example is a program, so that it runs without a large model; reports call it a program.

It stands where you name a model behind a server. It works from the messages alone, as a model would, and at a stated
rate it slips: a broken line of code, a wrong field, a refund before it has looked. Grading and curation take care.
"""

from __future__ import annotations

import re
from random import Random

from understudy.models import Request
from understudy.records import Role

QUESTION = re.compile(r"Who placed|How many|What does|What is|Refund order")


def clerk(request: Request, error_rate: float = 0.0) -> str:
    """One reply: a thought and one action. ``error_rate``: chance of a slip at each step, in [0, 1]."""
    said = [message.content for message in request.messages if message.role is Role.USER]
    latest = max(index for index, text in enumerate(said) if index == 0 or QUESTION.match(text))
    question, *observations = said[latest:]  # in a dialogue, what came before belongs to other questions
    rng = Random(f"{request.seed} {request.temperature} {len(request.messages)} {question}")
    thought, code = _next_step(question, "\n".join(observations), slips=rng.random() < error_rate)
    if rng.random() < error_rate / 2:
        code = code.removesuffix(")")
    return f"Thought: {thought}\nCode:\n```py\n{code}\n```<end_code>"


def _next_step(question: str, seen: str, *, slips: bool) -> tuple[str, str]:
    if asked := re.match(r"How many (\w+) are left", question):
        return _stock(asked[1], seen, slips=slips)
    number = re.findall(r"\d+", question)[0]
    order = re.search(r"placed by (\w+ \w+), holds (\d+) (\w+) and (.+)\.", seen)
    if order is None:
        if slips and question.startswith("Refund"):
            return "I pay it back.", f"print(refund({number}))"
        return "I look it up.", f"print(find_order({number}))"
    customer, pieces, product, state = order.groups()
    if question.startswith("Who"):
        return f"It was placed by {customer}.", f'final_answer("{product if slips else customer}")'
    if question.startswith("Refund"):
        return _refund(number, state, seen)
    found = re.search(r"costs (\d+)", seen)
    if found is None:
        return f"It holds {pieces} {product}. I look it up.", f'print(find_product("{product}"))'
    is_worth = question.startswith("What is") and not slips
    return f"It costs {found[1]}.", f"final_answer({pieces} * {found[1]})" if is_worth else f"final_answer({found[1]})"


def _stock(product: str, seen: str, *, slips: bool) -> tuple[str, str]:
    found = re.search(r"costs (\d+) and (\d+) are left", seen)
    if found is None:
        return "I look it up.", f'print(find_product("{product}"))'
    return f"There are {found[2]} left.", f"final_answer({found[1] if slips else found[2]})"


def _refund(number: str, state: str, seen: str) -> tuple[str, str]:
    if paid := re.search(r"(\d+) went back", seen):
        return f"Now {paid[1]} went back.", f"final_answer({paid[1]})"
    if state == "is late":
        return "It is late. I pay it back.", f"print(refund({number}))"
    return "It came in time.", "final_answer(0)"
