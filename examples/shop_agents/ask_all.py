"""Let one of the agents answer questions: ``python ask_all.py with_langgraph train 200`` (and the part, from 0)."""

from __future__ import annotations

import asyncio
import importlib
import sys

import shop

AT_ONCE = 8


async def ask_all(module: str, split: str, n: int, part: int) -> None:
    """Ask, and say how many questions ended in an error of the framework, such as too many turns."""
    ask = importlib.import_module(module).ask
    asked = shop.questions(split, n, part)
    gate = asyncio.Semaphore(AT_ONCE)
    errors: list[str] = []

    async def one(text: str) -> None:
        async with gate:
            try:
                await ask(text)
            except Exception as error:  # whatever a framework raises, the next customer waits
                errors.append(f"{type(error).__name__}: {str(error)[:100]}")

    await asyncio.gather(*(one(each.text) for each in asked))
    first = f", such as {errors[0]}" if errors else ""
    print(f"{module}: {len(asked)} questions asked, {len(errors)} ended in an error{first}")


if __name__ == "__main__":
    asyncio.run(ask_all(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]) if sys.argv[4:] else 0))
