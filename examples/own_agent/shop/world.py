"""The shop as an environment: each attempt has a ledger of its own, so the state that it leaves can be graded."""

from __future__ import annotations

from shop import tools
from shop.database import rows
from understudy import Task
from understudy.environments import Environment, action
from understudy.tools import ToolError


class Shop(Environment):
    """Orders and products are only read; the ledger is this attempt's alone."""

    def __init__(self, task: Task) -> None:  # noqa: ARG002 - all attempts begin with the same orders
        self.refunds: dict[str, int] = {}
        """Amount by the number of the order. Graders, the report and the vote read all public attributes."""

    @action(read_only=True)
    def find_order(self, number: int) -> str:
        """Look up an order."""
        return tools.find_order(number)

    @action(read_only=True)
    def find_product(self, name: str) -> str:
        """Look up a product."""
        return tools.find_product(name)

    @action
    def refund(self, number: int) -> str:
        """Pay an order back."""
        found = rows(tools.WORTH, number)
        if not found:
            raise ToolError(f"there is no order {number}")
        if str(number) in self.refunds:
            raise ToolError(f"order {number} was paid back before")
        self.refunds[str(number)], customer = found[0]
        return f"{self.refunds[str(number)]} went back to {customer}."
