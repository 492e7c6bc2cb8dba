"""Functions that take and return records, in a module whose annotations are text."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, NamedTuple, TypedDict

from pydantic import BaseModel, Field

from understudy.tools import tool


class Size(enum.Enum):
    SMALL = "s"
    LARGE = "l"


@dataclass(frozen=True)
class Line:
    name: str
    price: Decimal
    size: Size = Size.SMALL


class Order(BaseModel):
    id: int
    lines: list[Line]
    ordered: dt.date
    note: str | None = None


class Point(NamedTuple):
    x: float
    y: float


class Totals(TypedDict):
    sum: float


@dataclass
class Tree:
    children: list[Tree]


class Opaque:
    def __str__(self) -> str:
        return "opaque"


def order(number: int) -> Order:
    """An order."""
    return Order(id=number, lines=[Line("pen", Decimal("1.50"))], ordered=dt.date(2024, 1, 2))


def orders() -> dict[int, Order]:
    """All orders."""
    return {1: order(1)}


def total(of: Order, discount: Annotated[Decimal, "share"] = Decimal(0)) -> Decimal:
    """Sum of an order."""
    return sum((line.price for line in of.lines), Decimal(0)) * (1 - discount)


def ship(day: dt.datetime, size: Size = Size.LARGE, *boxes: Point, **more: Line) -> str:
    """Ship something."""
    return f"{day:%d.%m.%y} {size.name} {[box.x + box.y for box in boxes]} {[line.name for line in more.values()]}"


def middle(points: list[Point]) -> Point:
    """Middle of points."""
    return Point(sum(p.x for p in points) / len(points), sum(p.y for p in points) / len(points))


def totals() -> Totals:
    """Totals."""
    return {"sum": 1.5}


def tree() -> Tree:
    """A tree."""
    return Tree([Tree([])])


def opaque() -> Opaque:
    """Something."""
    return Opaque()


def count() -> Iterator[int]:
    """Numbers."""
    yield from range(3)


def pairs(where: set[Size], until: dt.timedelta | None = None) -> tuple[Point, ...]:
    """Pairs."""
    return (Point(1, 2),)


@tool(name="look", is_search=True, timeout_s=5)
def look_up(word: Annotated[str, Field(description="what to find")]) -> str:
    """Look something up."""
    return word.upper()
