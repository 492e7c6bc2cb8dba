"""The loop: what the model reads, how attempts end, what the record contains."""

from __future__ import annotations

import pytest

from tests.agents.scripts import TASK, Candidates, action, in_order
from understudy.agents import CodeAgentConfig, PromptRole, PromptSetName, SelfConsistencyConfig, open_agent
from understudy.models import ContextFullError, ProviderError, Request, ScriptedModel
from understudy.records import (
    Completion,
    ExecutionStatus,
    FinishReason,
    FirstThought,
    ParseProblem,
    PrefixDelivery,
    PrefixMode,
    Role,
    StopReason,
    Trajectory,
)
from understudy.sandbox import Sandbox, SandboxConfig, open_sandbox
from understudy.tools import FunctionToolConfig, Tool, ToolsConfig, open_tools

THOUGHT = FirstThought(task_id="t", text="First I multiply.", trajectory_id="t#0")
ANSWER = action("final_answer(x)", "I know it.")


def solve(
    sandbox: Sandbox, *replies: str, config: CodeAgentConfig | None = None, tools: tuple[Tool, ...] = ()
) -> Trajectory:
    agent = open_agent(config or CodeAgentConfig(), in_order(*replies), sandbox, tools)
    return agent.solve(TASK, seed=1)


def observations(trajectory: Trajectory) -> list[str]:
    return [message.content for message in trajectory.messages[2:] if message.role is Role.USER]


def test_thought_code_observation_until_the_answer(sandbox: Sandbox) -> None:
    trajectory = solve(sandbox, action("x = 6 * 7\nprint('so')\nx"), ANSWER)
    assert [message.role for message in trajectory.messages] == [
        Role.SYSTEM,
        Role.USER,
        Role.ASSISTANT,
        Role.USER,
        Role.ASSISTANT,
    ]
    assert observations(trajectory) == ["Observation:\nExecution logs:\nso\nLast output from code snippet:\n42"]
    assert (trajectory.answer, trajectory.stop_reason) == ("42", StopReason.ANSWERED)
    assert [(step.message_index, step.is_final) for step in trajectory.steps] == [(2, False), (4, True)]
    assert all(step.execution_status is ExecutionStatus.OK and not step.failed for step in trajectory.steps)
    assert trajectory.messages[2].content == action("x = 6 * 7\nprint('so')\nx")
    assert trajectory.prompt_hash
    assert trajectory.usage.completion_tokens > 0


def test_messages_are_what_the_model_saw(sandbox: Sandbox) -> None:
    model = Candidates([action("x = 42")], [action("oops")], [ANSWER])
    trajectory = open_agent(CodeAgentConfig(), model, sandbox).solve(TASK)
    for step, request in zip(trajectory.steps, model.requests, strict=True):
        assert request.messages == trajectory.messages[: step.message_index]


def test_an_error_comes_back_with_a_nudge_and_the_state_stays(sandbox: Sandbox) -> None:
    trajectory = solve(sandbox, action("x = 42\nprint('before')\n1 / 0"), ANSWER)
    (observation,) = observations(trajectory)
    assert observation.startswith("Observation:\nExecution logs:\nbefore\nError:\n")
    assert "ZeroDivisionError" in observation
    assert "do not repeat the mistake" in observation
    assert trajectory.steps[0].error_name == "ZeroDivisionError"
    assert trajectory.answer == "42"


def test_endless_loops_end(sandbox: Sandbox) -> None:
    trajectory = solve(sandbox, action("while True: pass"), action("x = 1\n" + "final_answer(x)"))
    assert trajectory.steps[0].execution_status is ExecutionStatus.TIMEOUT
    assert trajectory.answer == "1"


@pytest.mark.parametrize(
    ("reply", "problem", "words"),
    [
        ("", ParseProblem.EMPTY, "was empty"),
        ("Thought: hm", ParseProblem.NO_CODE, "no code block"),
        ("```py\nx\n```\n```py\ny\n```", ParseProblem.SEVERAL_BLOCKS, "several code blocks"),
        (action("x = = 1"), ParseProblem.SYNTAX_ERROR, "not valid Python"),
    ],
)
def test_an_unusable_reply_is_reported_why(sandbox: Sandbox, reply: str, problem: ParseProblem, words: str) -> None:
    trajectory = solve(sandbox, reply, action("final_answer(1)"))
    assert (trajectory.steps[0].parse_problem, trajectory.steps[0].execution_status) == (problem, None)
    assert words in observations(trajectory)[0]
    assert trajectory.answer == "1"


def test_a_reply_cut_by_its_limit_is_never_called_a_format_error(sandbox: Sandbox) -> None:
    long = action("final_answer(" + "1 + " * 30 + "1)")
    trajectory = solve(sandbox, long, action("final_answer(2)"), config=CodeAgentConfig(max_tokens=12))
    assert trajectory.steps[0].parse_problem is ParseProblem.CUT_BY_LENGTH
    assert "limit of tokens" in observations(trajectory)[0]
    assert "format" not in observations(trajectory)[0]


def test_the_step_limit(sandbox: Sandbox) -> None:
    trajectory = solve(sandbox, *[action("print(1)")] * 3, config=CodeAgentConfig(max_steps=3))
    assert (trajectory.stop_reason, trajectory.answer, len(trajectory.steps)) == (StopReason.STEP_LIMIT, None, 3)


def test_asked_once_after_the_limit(sandbox: Sandbox) -> None:
    config = CodeAgentConfig(max_steps=1, ask_once_after_limit=True)
    trajectory = solve(sandbox, action("print(1)"), "\\boxed{42}", config=config)
    assert (trajectory.stop_reason, trajectory.answer) == (StopReason.STEP_LIMIT, "\\boxed{42}")
    assert trajectory.answer_was_asked
    assert len(trajectory.steps) == 1
    assert [message.role for message in trajectory.messages[2:]] == [Role.ASSISTANT, Role.USER, Role.ASSISTANT]
    assert "no steps left" in trajectory.messages[3].content


def test_the_token_budget(sandbox: Sandbox) -> None:
    trajectory = solve(sandbox, action("print(1)"), config=CodeAgentConfig(token_budget=20))
    assert trajectory.stop_reason is StopReason.TOKEN_BUDGET


def test_the_programs_failures_keep_what_was_done(sandbox: Sandbox) -> None:
    def fails_later(request: Request) -> str:
        if len(request.messages) > 2:
            raise ProviderError("503 after 8 retries")
        return action("x = 1")

    trajectory = open_agent(CodeAgentConfig(), ScriptedModel(fails_later, "m"), sandbox).solve(TASK)
    assert (trajectory.stop_reason, trajectory.answer, len(trajectory.steps)) == (StopReason.PROVIDER, None, 1)
    assert trajectory.failure is not None
    assert "503" in trajectory.failure.message


def test_a_full_context_is_no_failure_of_the_program(sandbox: Sandbox) -> None:
    def is_full(request: Request) -> str:
        raise ContextFullError("9000 tokens")

    trajectory = open_agent(CodeAgentConfig(), ScriptedModel(is_full, "m"), sandbox).solve(TASK)
    assert (trajectory.stop_reason, trajectory.failure) == (StopReason.CONTEXT_FULL, None)


def test_a_sandbox_that_is_gone_is_a_failure_of_the_program() -> None:
    with open_sandbox(SandboxConfig(preload=())) as closed:
        agent = open_agent(CodeAgentConfig(), in_order(ANSWER), closed)
    trajectory = agent.solve(TASK)
    assert (trajectory.stop_reason, trajectory.answer) == (StopReason.SANDBOX, None)


def test_answers_of_every_type_are_text(sandbox: Sandbox) -> None:
    answers = [solve(sandbox, action(f"final_answer({code})")).answer for code in ("None", "''", "[1, 2]", "0", "'a'")]
    assert answers == ["None", "", "[1, 2]", "0", "a"]


def test_tools_are_called_and_their_failures_are_observations(sandbox: Sandbox) -> None:
    here = "tests.tools.functions"
    config = ToolsConfig(
        search=None,
        functions=(
            FunctionToolConfig(function=f"{here}:convert"),
            FunctionToolConfig(function=f"{here}:fail"),
            FunctionToolConfig(function=f"{here}:hang", timeout_s=0.1),
            FunctionToolConfig(function=f"{here}:flood", max_chars=50),
            FunctionToolConfig(function=f"{here}:note"),
        ),
    )
    with open_tools(config) as tools:
        trajectory = solve(
            sandbox,
            action("print(convert(10.0, unit='mi'), note('a'))"),
            action("fail('why')"),
            action("hang(2.0)"),
            action("print(flood(1000))"),
            action("convert()"),
            tools=tools,
        )
    seen = observations(trajectory)
    assert "16.09344 a" in seen[0]
    assert "\nToolError: fail failed: KeyError: 'why'" in seen[1]
    assert "did not answer within 0.1 s" in seen[2]
    assert "950 more characters" in seen[3]
    assert "missing" in seen[4]
    names = [call.name for step in trajectory.steps for call in step.tool_calls]
    assert names == ["convert", "note", "fail", "hang", "flood", "convert"]
    assert "def convert(amount: float" in trajectory.messages[0].content


def test_the_minimal_set_spends_few_words(sandbox: Sandbox) -> None:
    config = CodeAgentConfig(prompts=PromptSetName.MINIMAL)
    trajectory = solve(sandbox, action("x = 42\nprint(x)"), action("y"), action("pass"), ANSWER, config=config)
    assert [message.content for message in trajectory.messages[:2]] == [
        "Answer with thoughts and Python code.",
        TASK.question,
    ]
    seen = observations(trajectory)
    assert (seen[0], seen[2]) == ("42", "None")
    assert seen[1].startswith("Error: NameError")


def test_teacher_and_student_differ_in_the_initial_messages_only(sandbox: Sandbox) -> None:
    teacher, student = (
        solve(sandbox, action("x = 42"), ANSWER, config=CodeAgentConfig(role=role)) for role in PromptRole
    )
    assert teacher.messages[1:] == student.messages[1:]
    assert len(teacher.messages[0].content) > len(student.messages[0].content)
    assert "sympy" in teacher.messages[0].content


# --- servers that ignore stop strings -----------------------------------------------------------


class _NeverStops(Candidates):
    """A server that ignores stop strings, and so gives the reply as it was written."""

    def _completion(self, step: int, number: int) -> Completion:
        said = super()._completion(step, number)
        return said.model_copy(update={"text": self._steps[step][number], "finish_reason": FinishReason.LENGTH})


@pytest.mark.parametrize("model", [_NeverStops, Candidates])
@pytest.mark.parametrize(
    ("continued", "cut_at"),
    [
        ("\nObservation: rows: 999\nThought: So 999 rows.", "<end_code>"),
        ("\nThought: b\nCode:\n```py\nfinal_answer(999)\n```<end_code>", "<end_code>"),
        ("\n", ""),
        ("", ""),
    ],
)
def test_a_reply_is_cut_at_the_first_stop_string(
    sandbox: Sandbox, model: type[Candidates], continued: str, cut_at: str
) -> None:
    said = model([action("x = 42") + continued], [ANSWER])
    trajectory = open_agent(CodeAgentConfig(), said, sandbox).solve(TASK)
    assert trajectory.messages[2].content == action("x = 42")
    assert [(step.parse_problem, step.cut_at) for step in trajectory.steps] == [(None, cut_at), (None, "")]
    assert trajectory.answer == "42"


def test_an_invented_observation_without_end_code_is_not_stored(sandbox: Sandbox) -> None:
    said = _NeverStops(["Thought: a\nCode:\n```py\nx = 42\n```\nObservation: 999\nThought: So."], [ANSWER])
    trajectory = open_agent(CodeAgentConfig(), said, sandbox).solve(TASK)
    assert trajectory.messages[2].content == "Thought: a\nCode:\n```py\nx = 42\n```<end_code>"
    assert trajectory.steps[0].cut_at == "Observation:"


def test_candidates_are_cut_too_and_say_so(sandbox: Sandbox) -> None:
    replies = [action("x = 42") + "\nObservation: 1", action("x = 42"), action("x = 42") + "\nObservation: 2"]
    config = CodeAgentConfig(self_consistency=SelfConsistencyConfig(n_candidates=3))
    trajectory = open_agent(config, _NeverStops(replies, [ANSWER] * 3), sandbox).solve(TASK)
    assert [each.reply for each in trajectory.steps[0].candidates] == [action("x = 42")] * 3
    assert [each.cut_at for each in trajectory.steps[0].candidates] == ["<end_code>", "", "<end_code>"]
    assert trajectory.steps[0].cut_at == "<end_code>"


def test_the_answer_after_the_limit_is_cut(sandbox: Sandbox) -> None:
    config = CodeAgentConfig(max_steps=1, ask_once_after_limit=True)
    said = _NeverStops([action("x = 42")], ["42\nObservation: no"])
    assert open_agent(config, said, sandbox).solve(TASK).answer == "42"


# --- long prints ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prompts", "words"),
    [
        (PromptSetName.PAPER, "\n… not shown: 5,001 more characters were printed"),
        (PromptSetName.MINIMAL, "\n… 5,001 more characters"),
    ],
)
def test_the_observation_says_what_was_not_shown(sandbox: Sandbox, prompts: PromptSetName, words: str) -> None:
    code = "print('x' * 25_000)\nx = 42"
    trajectory = solve(sandbox, action(code), ANSWER, config=CodeAgentConfig(prompts=prompts))
    (observation,) = observations(trajectory)
    assert observation.endswith("x" * 100 + words)
    assert observation.count("x") >= 20_000


def test_an_error_after_a_long_print_stays_readable(sandbox: Sandbox) -> None:
    trajectory = solve(sandbox, action("x = 42\nprint('y' * 30_000)\n1 / 0"), ANSWER)
    (observation,) = observations(trajectory)
    assert "… not shown: 10,001 more characters were printed\nError:\n" in observation
    assert "ZeroDivisionError" in observation


def test_an_observation_within_the_limit_is_shown_completely(sandbox: Sandbox) -> None:
    trajectory = solve(sandbox, action("x = 42\nprint('y' * 19_999)"), ANSWER)
    assert "not shown" not in observations(trajectory)[0]


# --- the first thought ------------------------------------------------------------------------


def first_step(
    sandbox: Sandbox, mode: PrefixMode, delivery: PrefixDelivery, thought: FirstThought | None = THOUGHT
) -> tuple[Request, Trajectory]:
    model = Candidates([" Then I say.\nCode:\n```py\nfinal_answer(42)\n```"], delivery=delivery)
    trajectory = open_agent(CodeAgentConfig(prefix_mode=mode), model, sandbox).solve(TASK, first_thought=thought)
    return model.requests[0], trajectory


@pytest.mark.parametrize("delivery", [PrefixDelivery.CONTINUED, PrefixDelivery.COMPLETION])
def test_a_prefix_is_put_in_the_models_mouth(sandbox: Sandbox, delivery: PrefixDelivery) -> None:
    request, trajectory = first_step(sandbox, PrefixMode.PREFIX, delivery)
    assert request.continue_final
    assert request.messages[-1].content == "Thought: First I multiply."
    reply = trajectory.messages[2].content
    assert reply == "Thought: First I multiply. Then I say.\nCode:\n```py\nfinal_answer(42)\n```<end_code>"
    assert trajectory.steps[0].prefilled_chars == len("Thought: First I multiply.")
    assert (trajectory.prefix_mode, trajectory.prefix_delivery) == (PrefixMode.PREFIX, delivery)
    assert THOUGHT.text not in trajectory.messages[1].content


def test_a_server_that_cannot_continue_is_instructed_and_the_record_says_so(sandbox: Sandbox) -> None:
    request, trajectory = first_step(sandbox, PrefixMode.PREFIX, PrefixDelivery.INSTRUCTED)
    assert not request.continue_final
    assert request.messages[-1].content.endswith("Thought: First I multiply.")
    assert trajectory.prefix_delivery is PrefixDelivery.INSTRUCTED
    assert trajectory.steps[0].prefilled_chars == 0


def test_a_plan_is_a_hint(sandbox: Sandbox) -> None:
    request, trajectory = first_step(sandbox, PrefixMode.PLAN, PrefixDelivery.CONTINUED)
    assert not request.continue_final
    assert THOUGHT.text in request.messages[-1].content
    assert "may be wrong" in request.messages[-1].content
    assert (trajectory.prefix_mode, trajectory.prefix_delivery) == (PrefixMode.PLAN, None)


def test_a_question_needs_no_chain_of_thought(sandbox: Sandbox) -> None:
    request, trajectory = first_step(sandbox, PrefixMode.QUESTION, PrefixDelivery.CONTINUED, None)
    assert "looked up" in request.messages[-1].content
    assert trajectory.prefix_mode is PrefixMode.QUESTION


@pytest.mark.parametrize("mode", [PrefixMode.PREFIX, PrefixMode.PLAN])
def test_a_missing_first_thought_drops_nothing_and_the_record_says_so(sandbox: Sandbox, mode: PrefixMode) -> None:
    request, trajectory = first_step(sandbox, mode, PrefixDelivery.CONTINUED, None)
    assert not request.continue_final
    assert trajectory.prefix_mode is PrefixMode.NONE
    assert trajectory.answer == "42"


class _Unreachable(Candidates):
    @property
    def prefix_delivery(self) -> PrefixDelivery:  # type: ignore[override]
        raise ProviderError("nobody is there")

    @prefix_delivery.setter
    def prefix_delivery(self, value: PrefixDelivery) -> None: ...


def test_a_server_that_does_not_say_what_it_can_is_a_failure_of_the_program(sandbox: Sandbox) -> None:
    agent = open_agent(CodeAgentConfig(prefix_mode=PrefixMode.PREFIX), _Unreachable([]), sandbox)
    trajectory = agent.solve(TASK, first_thought=THOUGHT)
    assert trajectory.stop_reason is StopReason.PROVIDER
    assert len(trajectory.messages) == 2


def test_none_ignores_a_first_thought(sandbox: Sandbox) -> None:
    request, trajectory = first_step(sandbox, PrefixMode.NONE, PrefixDelivery.CONTINUED)
    assert THOUGHT.text not in "".join(message.content for message in request.messages)
    assert trajectory.prefix_mode is PrefixMode.NONE


def test_finish_reason_other_is_read_like_stop(sandbox: Sandbox) -> None:
    model = Candidates([action("final_answer(1)")], finish=FinishReason.OTHER)
    assert open_agent(CodeAgentConfig(), model, sandbox).solve(TASK).answer == "1"
