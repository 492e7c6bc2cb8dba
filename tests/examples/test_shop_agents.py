"""``examples/shop_agents``: a shop's agent in three frameworks, recorded, distilled, and run again on its student."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.curation.attempts import attempt
from understudy.models import Request, ScriptedModel
from understudy.records import Example, FunctionCall, Message, Role, Task, ToolCall
from understudy.runs import read_jsonl

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "shop_agents"
FRAMEWORKS = {"with_openai_agents": "agents", "with_langgraph": "langgraph", "with_pydantic_ai": "pydantic_ai"}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.setenv("SHOP_DATA", str(tmp_path))
    monkeypatch.syspath_prepend(FOLDER)
    yield importlib.import_module("shop")
    for name in ("shop", "grading", "teacher"):
        sys.modules.pop(name, None)


def test_held_out_questions_name_nothing_that_was_recorded(shop: ModuleType) -> None:
    train, test = shop.questions("train", 600), shop.questions("test", 100)
    assert len({one.text for one in train}) == 600
    assert train == shop.questions("train", 600)
    assert not {one.text for one in train} & {one.text for one in shop.questions("train", 600, part=1)}
    words = [{word.strip("?.") for one in asked for word in one.text.split()} for asked in (train, test)]
    named = {word for word in words[0] & words[1] if word[0].isupper() or word.isdecimal()}
    assert named == {"Who", "How", "What", "Refund"}


@pytest.mark.usefixtures("shop")
def test_the_program_solves_most_questions_and_slips_at_some(shop: ModuleType) -> None:
    solved = [_is_solved(shop, one) for one in shop.questions("train", 120)]
    assert 0.8 < sum(solved) / len(solved) < 1


def _is_solved(shop: ModuleType, question: Any) -> bool:
    """Run the agent's loop without a framework."""
    model = ScriptedModel(importlib.import_module("teacher").clerk, "program")
    tools = {tool.__name__: tool for tool in shop.TOOLS}
    messages = [Message(role=Role.USER, content=question.text)]
    made: list[FunctionCall] = []
    for _ in range(6):
        (reply,) = model.complete(Request(messages=tuple(messages)))
        if not reply.tool_calls:
            refunds = [call.arguments["number"] for call in made if call.name == "refund"]
            return bool(shop.is_solved(question, reply.text, refunds))
        messages.append(Message(role=Role.ASSISTANT, content=reply.text, tool_calls=reply.tool_calls))
        for call in reply.tool_calls:
            result = tools[call.name](**call.arguments)
            messages.append(Message(role=Role.TOOL, content=result, tool_call_id=call.id))
        made += reply.tool_calls
    raise AssertionError(f"no answer to {question.text}")


def test_the_grader_looks_at_answers_and_refunds(shop: ModuleType) -> None:
    is_right = importlib.import_module("grading").is_right
    late = next(one for one in shop.questions("train", 600) if one.refund is not None)

    def judged(reply: str, *refunds: int) -> bool:
        calls = tuple(ToolCall(name="refund", arguments=json.dumps({"number": number})) for number in refunds)
        made = attempt().model_copy(update={"task": Task(id="t", question=late.text), "answer": reply})
        step = made.steps[0].model_copy(update={"tool_calls": calls})
        return bool(is_right(made.model_copy(update={"steps": (step,)})).correct)

    reply = f"It is paid back, amount {late.answer}."
    assert judged(reply, late.refund)
    assert not judged(reply), "nothing was paid back"
    assert not judged(reply, late.refund, late.refund), "paid twice"
    assert not judged(f"It is paid back, amount 1{late.answer}.", late.refund)
    assert not judged(f"{late.answer} or 5", late.refund)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("agent", "framework"), list(FRAMEWORKS.items()))
def test_from_the_recording_to_the_student(agent: str, framework: str, tmp_path: Path) -> None:
    """Few questions and steps: the student solves nothing, but every part is that of a real run."""
    pytest.importorskip(framework, reason=f"{framework} is not installed: uv pip install --group frameworks")
    short = ["train.clerk.max_steps=3", "agreement.before.max_tokens=16", "agreement.clerk.max_tokens=16"]
    command = [sys.executable, "whole_way.py", *short, "--out", str(tmp_path), "--agents", agent]
    command += ["--train", "16", "--test", "2"]
    done = subprocess.run(command, cwd=FOLDER, env={**os.environ}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    assert f"{agent}: 16 questions asked, 0 ended in an error" in done.stdout
    examples = list(read_jsonl(tmp_path / "run/curate/clerk/examples.jsonl", Example))
    assert len(examples) >= 10
    assert {tuple(tool.name for tool in one.tools) for one in examples} == {("find_order", "find_product", "refund")}
    assert {one.messages[0].content for one in examples} == {"You are the clerk of a shop."}
    asked = [_requests(tmp_path / "traces" / name / agent) for name in ("program", "student")]
    first = [{json.dumps(one["messages"]) for one in requests if len(one["messages"]) == 2} for requests in asked]
    assert first[0] == first[1], "the same agent asks the student what it asked the program"
    assert {json.dumps(one["tools"], sort_keys=True) for requests in asked for one in requests} == {
        json.dumps(asked[0][0]["tools"], sort_keys=True)
    }
    assert "program" in done.stdout.splitlines()[-2]
    assert "student" in done.stdout.splitlines()[-1]


def _requests(folder: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)["request"]
        for path in folder.glob("exchanges-*.jsonl")
        for line in path.read_text().splitlines()
    ]
