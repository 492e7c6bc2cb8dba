"""The expensive model of this example is a program, so that it runs without one. ``python teacher.py --port 8001``

It stands where your agent uses a large model, and speaks the same protocol. It works from the messages and tools alone,
as a model would, and slips at a stated rate: it answers with a wrong value, or pays an order back before it has looked.
"""

from __future__ import annotations

import argparse
import re
from random import Random

from understudy.models import Request, ScriptedConfig
from understudy.models.serving import serve_model
from understudy.records import Completion, FinishReason, FunctionCall, Role

ERROR_RATE = 0.05


def clerk(request: Request) -> Completion:
    """One reply: a call of a tool, or the answer."""
    question = next(one.content for one in request.messages if one.role is Role.USER)
    seen = "\n".join(one.content for one in request.messages if one.role is Role.TOOL)
    rng = Random(f"{len(request.messages)} {question}")
    return _next_step(question, seen, slips=rng.random() < ERROR_RATE)


def _next_step(question: str, seen: str, *, slips: bool) -> Completion:
    if asked := re.match(r"How many (\w+) are left", question):
        return _stock(asked[1], seen, slips=slips)
    number = int(re.findall(r"\d+", question)[0])
    order = re.search(r"placed by (\w+ \w+), holds \d+ (\w+) and (.+)\.", seen)
    if order is None:
        return _call("refund" if slips and question.startswith("Refund") else "find_order", number=number)
    customer, product, state = order.groups()
    if question.startswith("Who"):
        return _say(f"It was placed by {product if slips else customer}.")
    if question.startswith("Refund"):
        return _refund(number, state, seen)
    found = re.search(r"costs (\d+) and (\d+)", seen)
    return _call("find_product", name=product) if found is None else _say(f"It costs {found[2 if slips else 1]}.")


def _stock(product: str, seen: str, *, slips: bool) -> Completion:
    found = re.search(r"costs (\d+) and (\d+) are left", seen)
    return _call("find_product", name=product) if found is None else _say(f"There are {found[1 if slips else 2]}.")


def _refund(number: int, state: str, seen: str) -> Completion:
    if paid := re.search(r"(\d+) went back", seen):
        return _say(f"It is paid back, amount {paid[1]}.")
    return _call("refund", number=number) if state == "is late" else _say("It came in time, amount 0.")


def _call(tool: str, /, **arguments: int | str) -> Completion:
    call = FunctionCall(id="", name=tool, arguments=dict(arguments))
    return Completion(text="", tool_calls=(call,), finish_reason=FinishReason.STOP)


def _say(text: str) -> Completion:
    return Completion(text=text, finish_reason=FinishReason.STOP)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=8001)
    config = ScriptedConfig(program="teacher:clerk", name="shop-model")
    serve_model(config, port=parser.parse_args().port)
