"""smolagents' memories as smolagents 1.14 and 1.26 dumped them: ``smolagents/<version>-<case>.<form>.json``.

The files come from runs of a ``CodeAgent`` with a scripted model, trimmed by hand: times rounded, fields without
use left out.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.curation.attempts import imported
from understudy.agents.formats import recorded_format
from understudy.curation import CurateConfig, Filter, ImportConfig, curate, import_trajectories
from understudy.records import (
    DropReason,
    ExecutionStatus,
    Message,
    ParseProblem,
    Role,
    Score,
    Step,
    StopReason,
    Timing,
    Trajectory,
    Usage,
)

MEMORIES = Path(__file__).parent / "smolagents"
OK, ERROR = ExecutionStatus.OK, ExecutionStatus.ERROR


def from_dump(name: str) -> Trajectory:
    ((trajectory, score),) = imported(MEMORIES / f"{name}.json")
    assert score is None
    return trajectory


def row(path: Path, name: str, **beside: object) -> Path:
    """A JSONL file whose one row wraps the steps of a dump."""
    path.write_text(json.dumps({**beside, "steps": json.loads((MEMORIES / f"{name}.json").read_text())}) + "\n")
    return path


@pytest.mark.parametrize("path", sorted(MEMORIES.glob("*.json")), ids=lambda path: path.stem)
def test_every_dump_is_one_conversation_of_taking_turns(path: Path) -> None:
    trajectory = from_dump(path.stem)
    roles = [message.role for message in trajectory.messages]
    turns = roles[1:] if roles[0] is Role.SYSTEM else roles
    assert turns == [Role.USER, *[Role.ASSISTANT, Role.USER] * len(turns)][: len(turns)]
    assert trajectory.task.question == "Capital of Norway?"
    assert [step.message_index for step in trajectory.steps] == [n for n, r in enumerate(roles) if r is Role.ASSISTANT]
    for step in trajectory.steps:
        parsed = recorded_format("").parse(trajectory.messages[step.message_index].content)
        assert parsed.problem is step.parse_problem, "a reply is in the form that our own agents speak"


@pytest.mark.parametrize("case", ["1.26-failed", "1.26-unparsed", "1.26-limit", "1.26-planned", "1.26-structured"])
def test_steps_and_messages_of_one_memory_tell_the_same(case: str) -> None:
    (steps_path,) = (path for path in MEMORIES.glob(f"{case}.*.json") if "messages" not in path.name)
    by_steps, by_messages = from_dump(steps_path.stem), from_dump(f"{case}.messages")
    own = [one for one in by_messages.messages if one.role is not Role.SYSTEM]
    assert [one for one in by_steps.messages if one.role is not Role.SYSTEM] == own
    assert by_steps.stop_reason == by_messages.stop_reason

    def facts(trajectory: Trajectory) -> list[tuple[object, ...]]:
        return [(one.parse_problem, one.execution_status, one.error_name, one.is_final) for one in trajectory.steps]

    assert facts(by_steps) == facts(by_messages)


def test_the_conversation_is_what_the_model_was_given_before_its_last_reply(tmp_path: Path) -> None:
    for case in ("answered", "failed", "planned"):
        steps = json.loads((MEMORIES / f"1.26-{case}.full.json").read_text())
        path = tmp_path / f"{case}.json"
        path.write_text(json.dumps(steps[-1]["model_input_messages"]))
        ((given, _),) = imported(path)
        assert from_dump(f"1.26-{case}.full").messages[: len(given.messages)] == given.messages


def test_an_answered_memory_is_reported_step_by_step() -> None:
    trajectory = from_dump("1.26-answered.full")
    assert trajectory.messages == (
        Message(role=Role.SYSTEM, content="You solve tasks with code."),
        Message(role=Role.USER, content="New task:\nCapital of Norway?"),
        Message(
            role=Role.ASSISTANT,
            content="Thought: I look it up.\n"
            "Code:\n```py\nhit = web_search('capital of Norway')\nprint(hit)\n```<end_code>",
        ),
        Message(
            role=Role.USER,
            content="Observation:\nExecution logs:\nOslo is the capital of Norway.\n"
            "Last output from code snippet:\nNone",
        ),
        Message(role=Role.ASSISTANT, content="Thought: It is Oslo.\nCode:\n```py\nfinal_answer('Oslo')\n```<end_code>"),
        Message(role=Role.USER, content="Observation:\nExecution logs:\nLast output from code snippet:\nOslo"),
    )
    used = Usage(prompt_tokens=100, completion_tokens=20, requests=1)
    assert trajectory.steps == (
        Step(message_index=2, execution_status=OK, usage=used, timing=Timing(model_s=0.002)),
        Step(message_index=4, execution_status=OK, is_final=True, usage=used, timing=Timing(model_s=0.005)),
    )
    assert (trajectory.stop_reason, trajectory.answer) == (StopReason.ANSWERED, "Oslo")
    assert trajectory.usage == used + used


@pytest.mark.parametrize(
    ("name", "facts", "stop", "answer"),
    [
        ("1.26-failed.full", [ERROR, OK, OK], StopReason.ANSWERED, "42"),
        ("1.14-failed.succinct", [ERROR, OK, OK], StopReason.ANSWERED, "42"),
        ("1.14-failed.messages", [ERROR, OK, OK], StopReason.ANSWERED, "42"),
        (
            "1.26-unparsed.succinct",
            [ParseProblem.NO_CODE, ParseProblem.SYNTAX_ERROR, OK, OK],
            StopReason.ANSWERED,
            "Oslo",
        ),
        ("1.26-limit.result", [OK, OK], StopReason.STEP_LIMIT, "Perhaps Oslo."),
        ("1.14-limit.succinct", [OK, OK], StopReason.STEP_LIMIT, "Perhaps Oslo."),
        ("1.26-limit.messages", [OK, OK], StopReason.STEP_LIMIT, None),
        ("1.26-provider.succinct", [OK], StopReason.PROVIDER, None),
        ("1.26-provider.messages", [OK], StopReason.PROVIDER, None),
    ],
)
def test_how_steps_and_runs_ended(name: str, facts: list[object], stop: StopReason, answer: str | None) -> None:
    trajectory = from_dump(name)
    assert [step.parse_problem or step.execution_status for step in trajectory.steps] == facts
    assert (trajectory.stop_reason, trajectory.answer) == (stop, answer)
    assert [step.is_final for step in trajectory.steps] == [
        stop is StopReason.ANSWERED and step is trajectory.steps[-1] for step in trajectory.steps
    ]
    assert trajectory.answer_was_asked is (stop is StopReason.STEP_LIMIT and answer is not None)
    assert (trajectory.failure is not None) is (stop is StopReason.PROVIDER)
    if ERROR in facts:
        assert trajectory.steps[0].error_name == "ZeroDivisionError"


def test_a_plan_is_read_and_never_learnt(tmp_path: Path) -> None:
    path = row(tmp_path / "rows.jsonl", "1.26-planned.full", score=1)
    (pair,) = imported(path)
    (example,) = curate([pair], CurateConfig()).examples
    learnt = [example.messages[span.message_index].content for span in example.spans]
    assert [text.splitlines()[0] for text in learnt] == ["Thought: go", "Thought: done"]
    assert "1. search" in example.messages[1].content
    assert pair[0].usage.requests == 4, "what planning cost is counted"


def test_the_student_reads_its_own_initial_messages_before_what_the_teacher_wrote(tmp_path: Path) -> None:
    path = row(tmp_path / "rows.jsonl", "1.26-planned.full", score=True)
    own = (Message(role=Role.SYSTEM, content="Be brief."), Message(role=Role.USER, content="Capital of Norway?"))
    pairs = imported(path)
    (example,) = curate(pairs, CurateConfig(), initial_messages=lambda _: own).examples
    assert example.messages[:2] == own
    assert [message.role for message in example.messages[2:]] == [Role.ASSISTANT, Role.USER, Role.ASSISTANT]


def test_the_filters_see_what_happened(tmp_path: Path) -> None:
    reasons = {
        "1.26-unparsed.succinct": DropReason.UNPARSEABLE_STEP,
        "1.26-provider.succinct": DropReason.INFRASTRUCTURE_ERROR,
        "1.14-limit.succinct": DropReason.STEP_LIMIT,
    }
    for name, reason in reasons.items():
        pairs = imported(row(tmp_path / f"{name}.jsonl", name, score=1))
        assert curate(pairs, CurateConfig()).counts == {reason: 1}
    failed = imported(row(tmp_path / "f.jsonl", "1.26-failed.full", score=1))
    (example,) = curate(failed, CurateConfig(failed_steps_trained=False)).examples
    assert len(example.spans) == 2, "the step whose code failed is only read"


def test_a_row_says_beside_its_steps_what_a_memory_does_not(tmp_path: Path) -> None:
    beside = {"question": "Which city?", "answer": "Oslo", "score": 0.0, "model": "teacher"}
    path = tmp_path / "rows.jsonl"
    lines = [row(path, name, **beside).read_text() for name in ("1.26-answered.full", "1.26-failed.full")]
    path.write_text("".join(lines))
    (first, score), (second, _) = imported(path)
    assert (first.task.question, first.task.answer, first.answer, first.model) == (
        "Which city?",
        "Oslo",
        "Oslo",
        "teacher",
    )
    assert score == Score(trajectory_id=first.id, grader="imported", grader_version="1", correct=False, answer="Oslo")
    assert (first.attempt, second.attempt, first.task) == (0, 1, second.task)


def test_a_file_holds_one_memory_or_many(tmp_path: Path) -> None:
    steps = json.loads((MEMORIES / "1.26-answered.full.json").read_text())
    result = json.loads((MEMORIES / "1.26-limit.result.json").read_text())
    shapes: dict[str, tuple[object, int]] = {
        "list of steps": (steps, 1),
        "list of lists": ([steps, steps], 2),
        "result": (result, 1),
        "list of results": ([result, {"steps": steps}], 2),
        "result before 1.22": ({"output": "Oslo", "messages": steps}, 1),
        "with its system prompt": ([{"system_prompt": "You solve tasks with code."}, *steps], 1),
    }
    for name, (value, n) in shapes.items():
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(value))
        found = [one for one, _ in imported(path)]
        assert len(found) == n, name
        assert found[-1].messages[0].role is Role.SYSTEM, name
    path = tmp_path / "lists.jsonl"
    path.write_text(f"{json.dumps(steps)}\n\n{json.dumps(steps)}\n")
    assert len(imported(path)) == 2


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([{"task": "Q?"}, {"task": "And then?"}], "one task; got 2 tasks"),
        ([], "one task; got 0 tasks"),
        ([{"task": "Q?"}, {"robot": 1}], r"steps\.1: .*expected a step of smolagents' memory .*got robot"),
        ([{"task": "Q?"}, {"step_number": 1, "model_output": 3}], r"steps\.1\.model_output"),
    ],
)
def test_what_is_no_memory_is_refused_with_file_and_row(tmp_path: Path, steps: list[object], said: str) -> None:
    good = row(tmp_path / "rows.jsonl", "1.26-answered.full").read_text()
    path = tmp_path / "rows.jsonl"
    path.write_text(good + json.dumps({"steps": steps}) + "\n")
    found = import_trajectories(ImportConfig(path=path))
    (refused,) = found.refused
    assert len(found.attempts) == 1
    assert re.search(rf"rows\.jsonl, line 2: .*{said}", str(refused))


def test_what_is_not_json_is_refused_with_its_line(tmp_path: Path) -> None:
    for name in ("rows.jsonl", "rows.json"):
        (tmp_path / name).write_text('\n{"steps": \n')
        with pytest.raises(ValueError, match=rf"{name}, line \d: expected JSON"):
            imported(tmp_path / name)


def test_filters_can_be_named_for_memories(tmp_path: Path) -> None:
    pairs = imported(row(tmp_path / "r.jsonl", "1.26-answered.full"))
    assert curate(pairs, CurateConfig()).counts == {DropReason.NOT_SCORED: 1}
    unscored = CurateConfig(filters=(Filter.PARSEABLE, Filter.ENDED_BY_ITSELF))
    assert len(curate(pairs, unscored).examples) == 1


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_what_the_smolagents_installed_here_dumps_is_read(tmp_path: Path) -> None:
    smolagents = pytest.importorskip("smolagents", reason="a peer of benchmarks, not installed for tests")

    class Scripted(smolagents.Model):  # type: ignore[misc,name-defined]
        replies = iter(["Thought: six.\n<code>\nx = 6\n1 / 0\n</code>", "<code>\nfinal_answer(7 * 6)\n</code>"])

        def generate(self, *_args: object, **_kwargs: object) -> object:
            return smolagents.ChatMessage(role=smolagents.MessageRole.ASSISTANT, content=next(self.replies))

    agent = smolagents.CodeAgent(tools=[], model=Scripted(), verbosity_level=0)
    agent.run("Six times seven?")
    dumps = {
        "full": agent.memory.get_full_steps(),
        "succinct": agent.memory.get_succinct_steps(),
        "messages": [message.dict() for message in agent.write_memory_to_messages()],
    }
    for name, dump in dumps.items():
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(dump))
        ((one, _),) = imported(path)
        assert (one.stop_reason, one.answer) == (StopReason.ANSWERED, "42")
        assert [step.execution_status for step in one.steps] == [ERROR, OK]
        assert one.messages[-2].content == "Code:\n```py\nfinal_answer(7 * 6)\n```<end_code>"
