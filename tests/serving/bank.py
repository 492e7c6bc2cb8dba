"""A world with state, and a program that acts in it: an account that each conversation has for itself."""

from __future__ import annotations

import re
import threading

from understudy.agents import AgentConfig, AgentRuntime, CodeAgentConfig, ToolCallingConfig
from understudy.environments import Environment, Worlds, action
from understudy.models import Model, ProviderError, Request, ScriptedModel
from understudy.records import Completion, FinishReason, FunctionCall, Role, Task
from understudy.sandbox import Sandbox
from understudy.serving import ServedAgent
from understudy.tools import ToolError

LEDGER: list[tuple[str, int]] = []
"""Every payment of every conversation: an effect outside of the worlds."""
_LEDGER_LOCK = threading.Lock()
OPEN: set[int] = set()
"""Worlds that are not closed."""


class Bank(Environment):
    """One account."""

    def __init__(self, task: Task) -> None:
        self.balance = int(str(task.metadata.get("balance", 100)))
        self.owner = str(task.metadata.get("owner", "nobody"))
        OPEN.add(id(self))

    @action(read_only=True)
    def look(self) -> int:
        """The balance."""
        return self.balance

    @action
    def pay(self, amount: int) -> int:
        """Pay an amount; returns the new balance."""
        if amount > self.balance:
            raise ToolError(f"the balance is {self.balance}")
        self.balance -= amount
        with _LEDGER_LOCK:
            LEDGER.append((self.owner, amount))
        return self.balance

    def close(self) -> None:
        OPEN.discard(id(self))


BANK = f"{Bank.__module__}:{Bank.__name__}"


def step(code: str, thought: str = "I act.") -> str:
    return f"Thought: {thought}\nCode:\n```py\n{code}\n```<end_code>"


ORDER = re.compile(r"\b(pay|remember|recall|loop|sleep|fail|crash|never|look)\b ?([\d.]*)")


def teller(request: Request) -> str:
    """Does what the last order of the user says: pay N, remember N, recall, loop, sleep, fail, crash, never."""
    found = [ORDER.findall(one.content) for one in request.messages if one.role is Role.USER]
    is_second = not found[-1]
    match [order for orders in found for order in orders][-1]:
        case "pay", amount:
            return step("final_answer(left)" if is_second else f"left = pay({amount})\nprint(left)")
        case "look", _:
            return step("final_answer(look())")
        case "remember", number:
            return step(f"number = {number}\nfinal_answer('ok')")
        case "recall", _:
            return step("final_answer(number)")
        case "loop", _:
            return step("while True: pass")
        case "sleep", seconds:
            return step("final_answer('slept')" if is_second else f"import time\ntime.sleep({seconds})\nprint('z')")
        case "fail", _:
            raise ProviderError("the model's server is down")
        case "crash", _:
            raise RuntimeError("a bug")
    return step("1")


def calling_teller(request: Request) -> Completion:
    """Pays 1 by a tool call, then says the balance."""
    last = request.messages[-1]
    if last.role is Role.TOOL:
        return Completion(text=f"You have {last.content}.", finish_reason=FinishReason.STOP)
    call = FunctionCall(id="", name="pay", arguments={"amount": 1})
    return Completion(text="I pay.", finish_reason=FinishReason.STOP, tool_calls=(call,))


def served_bank(
    sandbox: Sandbox, worlds: Worlds, config: AgentConfig | None = None, model: Model | None = None
) -> ServedAgent:
    """The teller; by default one that writes code."""
    config = config or CodeAgentConfig(max_steps=4)
    program = calling_teller if isinstance(config, ToolCallingConfig) else teller
    runtime = AgentRuntime(sandbox=sandbox, worlds=worlds)
    return ServedAgent("teller", runtime.open_agent(config, model or ScriptedModel(program, "program")))
