"""Many conversations at once, with effects, of which a share goes away: all end right, and nothing is left."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles

import httpx
import psutil
import pytest

from tests.serving.bank import LEDGER, OPEN
from tests.serving.conftest import Serve
from tests.serving.test_chat_completions import logged, until
from understudy.records import ConversationEnd, ServedConversation, StopReason, Trajectory

BALANCE = 1_000
SHARE_GONE = 0.3
N_TURNS = 4


@dataclass
class Seen:
    """What the clients saw."""

    counts: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    answered: Counter[str] = field(default_factory=Counter)
    """Payments that were answered, by owner."""
    wrong: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    """Owners that went away."""


class Client:
    """Has one conversation after the other until the time is over."""

    def __init__(self, number: int, http: httpx.AsyncClient, seen: Seen) -> None:
        self._random = random.Random(number)
        self._number, self._http, self._seen = number, http, seen
        self._n_conversations = 0

    async def run(self, until_s: float) -> None:
        while time.monotonic() < until_s:
            await self._converse(f"owner-{self._number}-{self._n_conversations}")
            self._n_conversations += 1

    async def _converse(self, owner: str) -> None:
        goes_at = self._random.randrange(N_TURNS) if self._random.random() < SHARE_GONE else None
        for turn in range(N_TURNS):
            if turn == goes_at:
                await self._go_away(owner)
                self._seen.counts["went away"] += 1
                self._seen.gone.append(owner)
                return
            await self._pay(owner, BALANCE - turn - 1)
        answer = await self._http.delete(f"/v1/conversations/{owner}")
        self._seen.counts[f"end {answer.status_code}"] += 1

    async def _pay(self, owner: str, left: int) -> None:
        while True:
            began = time.monotonic()
            answer = await self._http.post("/v1/chat/completions", json=_body(owner, "pay 1"))
            self._seen.counts[f"turn {answer.status_code}"] += 1
            if answer.status_code != 429:
                break
            await asyncio.sleep(int(answer.headers["retry-after"]))
        self._seen.seconds.append(time.monotonic() - began)
        content = answer.json()["choices"][0]["message"]["content"] if answer.status_code == 200 else answer.text
        if content == str(left):
            self._seen.answered[owner] += 1
        else:
            self._seen.wrong.append(f"{owner}: expected {left}, got {content}")

    async def _go_away(self, owner: str) -> None:
        """In the middle of code that takes long, or of one that pays."""
        said = self._random.choice(["sleep 30", "pay 1"])
        async with self._http.stream("POST", "/v1/chat/completions", json=_body(owner, said, stream=True)) as answer:
            async for line in answer.aiter_lines():
                if '"event"' in line:
                    break


def _body(owner: str, said: str, *, stream: bool = False) -> dict[str, object]:
    own = {"conversation": owner, "steps": True}
    metadata = {"owner": owner, "balance": str(BALANCE)}
    messages = [{"role": "user", "content": said}]
    return {"model": "teller", "messages": messages, "metadata": metadata, "stream": stream, "understudy": own}


async def everyone(url: str, n_clients: int, seconds: float) -> Seen:
    seen = Seen()
    limits = httpx.Limits(max_connections=n_clients)
    async with httpx.AsyncClient(base_url=url, timeout=60, limits=limits) as http:
        until_s = time.monotonic() + seconds
        await asyncio.gather(*(Client(number, http, seen).run(until_s) for number in range(n_clients)))
    return seen


def descendants() -> set[int]:
    return {one.pid for one in psutil.Process().children(recursive=True) if one.status() != psutil.STATUS_ZOMBIE}


def n_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def end_answered(url: str, seen: Seen) -> int:
    """End the conversations whose last turn was answered before the server saw that the client was gone."""
    until(lambda: httpx.get(f"{url}/health").json()["turns"] == 0)
    return sum(httpx.delete(f"{url}/v1/conversations/{owner}").status_code == 200 for owner in seen.gone)


@pytest.mark.parametrize(
    ("n_clients", "seconds"), [(8, 1.5), pytest.param(64, 60.0, marks=[pytest.mark.slow, pytest.mark.timeout(600)])]
)
def test_all_end_right_and_nothing_is_left(
    serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str], n_clients: int, seconds: float
) -> None:
    before, n_files = descendants(), n_descriptors()
    url = serve(max_turns=n_clients * 3 // 4, max_conversations=4 * n_clients)
    seen = asyncio.run(everyone(url, n_clients, seconds))
    n_answered = end_answered(url, seen)
    assert httpx.get(f"{url}/health").json()["conversations"] == 0
    conversations, trajectories = logged(tmp_path)

    assert seen.wrong == []
    assert set(seen.counts) <= {"turn 200", "turn 429", "end 200", "went away"}
    assert seen.counts["went away"] > 0
    ends = Counter(one.end for one in conversations)
    assert ends.keys() <= {ConversationEnd.CLOSED, ConversationEnd.DISCONNECTED}
    assert ends[ConversationEnd.CLOSED] == seen.counts["end 200"] + n_answered
    # A client that leaves does not read its status: it may have been refused, and then there is no conversation.
    assert ends[ConversationEnd.DISCONNECTED] <= seen.counts["went away"] - n_answered
    _check_effects(seen, conversations, trajectories)
    assert not OPEN, "no world is left"
    until(lambda: descendants() <= before)
    assert n_descriptors() <= n_files + 10, "of the server itself"
    assert not list((tmp_path / "log" / "open").iterdir())
    with capsys.disabled():
        print(json.dumps(_figures(seen, conversations)))


def _check_effects(seen: Seen, conversations: list[ServedConversation], trajectories: list[Trajectory]) -> None:
    """What was paid is what the worlds and the trajectories say, also where the client went away."""
    assert len({one.name for one in conversations}) == len(conversations)
    by_id = {one.id: one for one in trajectories}
    paid = Counter(owner for owner, _ in LEDGER)
    for one in conversations:
        for trajectory in map(by_id.pop, one.trajectories):
            assert trajectory.environment is not None
            assert trajectory.environment.after == {"balance": BALANCE - paid[one.name], "owner": one.name}
            assert paid[one.name] - seen.answered[one.name] in (0, int(one.name in seen.gone))
            assert sum(turn.n_steps for turn in one.turns) == len(trajectory.steps)
            ends = [turn.stop_reason for turn in one.turns]
            assert ends[:-1] == [StopReason.ANSWERED] * (len(ends) - 1)
    assert not by_id, "each trajectory belongs to a conversation"


def _figures(seen: Seen, conversations: list[ServedConversation]) -> dict[str, object]:
    cuts = quantiles(seen.seconds, n=20)
    return {**seen.counts, "conversations": len(conversations), "p50_s": round(cuts[9], 3), "p95_s": round(cuts[18], 3)}
