"""What the agent's code may call. A tool is a typed function; the prompt shows its signature and its docstring."""

from __future__ import annotations

from contextlib import closing

from shop.database import connect, rows
from understudy.tools import ToolError, pure

WORTH = "SELECT pieces * price, customer FROM orders JOIN products ON product = name WHERE number = ?"


@pure  # the same answer to the same arguments, and no effect: the answer may be kept
def find_order(number: int) -> str:
    """Look up an order."""
    for customer, product, pieces, is_late in rows(
        "SELECT customer, product, pieces, is_late FROM orders WHERE number = ?", number
    ):
        state = "is late" if is_late else "came in time"
        return f"Order {number} was placed by {customer}, holds {pieces} {product} and {state}."
    raise ToolError(f"there is no order {number}")


@pure
def find_product(name: str) -> str:
    """Look up a product."""
    for price, stock in rows("SELECT price, stock FROM products WHERE name = ?", name):
        return f"{name} costs {price} and {stock} are left."
    raise ToolError(f"there is no product {name!r}")


def refund(number: int) -> str:
    """Pay an order back."""  # not pure: it writes to the ledger, so no call is ever repeated or taken from a cache
    found = rows(WORTH, number)
    if not found:
        raise ToolError(f"there is no order {number}")
    amount, customer = found[0]
    with closing(connect()) as connection, connection:
        connection.execute("INSERT INTO refunds VALUES (?, ?)", (number, amount))
    return f"{amount} went back to {customer}."
