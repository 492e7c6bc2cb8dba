"""The baseline: its answers, its vote, its passages, its failures."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from understudy.agents import ChainOfThoughtConfig, PassagesConfig, PromptSetName, SelfConsistencyConfig, open_agent
from understudy.agents.chain_of_thought import read_answer
from understudy.models import ContextFullError, ProviderError, Request, ScriptedModel
from understudy.records import Completion, FinishReason, Role, StopReason, Task, TaskKind
from understudy.retrieval import Hit, Passage, RetrievalError, lexical_retriever
from understudy.tools import SearchShape

TASK = Task(id="t", question="Where was Ilse Tamm born?", answer="Estonia", kind=TaskKind.FACT, source="s")
PASSAGES = [Passage("1", "Ilse Tamm", "Ilse Tamm was born in Estonia."), Passage("2", "Salt", "Salt is a mineral.")]


def model(program: Callable[[Request], str]) -> ScriptedModel:
    return ScriptedModel(program, "program")


def read(text: str, reason: FinishReason = FinishReason.STOP) -> str | None:
    return read_answer(Completion(text=text, finish_reason=reason))


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"so \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        (r"\boxed{1} or rather \boxed{2}", "2"),
        ("First.\nAnswer: **Paris**.", "Paris"),
        ("The answer is 4.\nNo, the answer is: 5.", "5"),
        ("I think.\n\nParis\n", "Paris"),
        ("", None),
        (r"so \boxed{1", r"so \boxed{1"),
    ],
)
def test_the_answer_is_found_in_the_text(text: str, answer: str | None) -> None:
    assert read(text) == answer


def test_what_was_cut_before_its_answer_has_none() -> None:
    assert read("I think that the", FinishReason.LENGTH) is None
    assert read(r"\boxed{4} and I go on", FinishReason.LENGTH) == "4"


def test_one_reply_is_one_step() -> None:
    agent = open_agent(ChainOfThoughtConfig(), model(lambda request: r"Born in Pärnu.\n\nSo \boxed{Estonia}."))
    trajectory = agent.solve(TASK, attempt=2, seed=5)
    assert [message.role for message in trajectory.messages] == [Role.SYSTEM, Role.USER, Role.ASSISTANT]
    assert (trajectory.answer, trajectory.stop_reason, trajectory.id) == ("Estonia", StopReason.ANSWERED, "t#2")
    (step,) = trajectory.steps
    assert (step.message_index, step.is_final, step.candidates) == (2, True, ())
    assert trajectory.prompt_hash


def test_a_cut_chain_has_no_answer_and_says_so() -> None:
    agent = open_agent(ChainOfThoughtConfig(max_tokens=3), model(lambda request: "one two three four five"))
    trajectory = agent.solve(TASK)
    assert (trajectory.answer, trajectory.stop_reason) == (None, StopReason.CUT_BY_LENGTH)


def test_passages_stand_in_the_prompt() -> None:
    config = ChainOfThoughtConfig(passages=PassagesConfig(k=1))
    trajectory = open_agent(config, model(lambda request: "Estonia"), retriever=lexical_retriever(PASSAGES)).solve(TASK)
    user = trajectory.messages[1].content
    assert "[1] Ilse Tamm (score" in user
    assert "Ilse Tamm was born in Estonia." in user
    assert TASK.question in user
    assert "Salt" not in user


def test_brief_passages_for_tiny_models() -> None:
    config = ChainOfThoughtConfig(prompts=PromptSetName.MINIMAL, passages=PassagesConfig(k=1, shape=SearchShape.BRIEF))
    trajectory = open_agent(config, model(lambda request: "Estonia"), retriever=lexical_retriever(PASSAGES)).solve(TASK)
    assert trajectory.messages[1].content == f"Ilse Tamm was born in Estonia.\n{TASK.question}"


def test_passages_need_a_retriever() -> None:
    with pytest.raises(ValueError, match="needs a retriever"):
        open_agent(ChainOfThoughtConfig(passages=PassagesConfig()), model(lambda request: "x"))


class _Broken:
    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        raise RetrievalError("the index is gone")

    def close(self) -> None: ...


def test_the_programs_failures_are_not_answers() -> None:
    def refuse(request: Request) -> str:
        raise ProviderError("503")

    def too_long(request: Request) -> str:
        raise ContextFullError("9000 tokens of 8192")

    failed = open_agent(ChainOfThoughtConfig(), model(refuse)).solve(TASK)
    assert (failed.stop_reason, failed.answer) == (StopReason.PROVIDER, None)
    assert failed.failure is not None
    assert "503" in failed.failure.message
    full = open_agent(ChainOfThoughtConfig(), model(too_long)).solve(TASK)
    assert (full.stop_reason, full.failure) == (StopReason.CONTEXT_FULL, None)
    config = ChainOfThoughtConfig(passages=PassagesConfig())
    unfound = open_agent(config, model(lambda request: "x"), retriever=_Broken()).solve(TASK)
    assert unfound.stop_reason is StopReason.PROVIDER


def seeded(request: Request) -> str:
    """Two of three replies say A."""
    return "Answer: " + ("B" if (request.seed or 0) % 3 == 0 else "A")


def test_the_vote_keeps_what_most_replies_say() -> None:
    config = ChainOfThoughtConfig(self_consistency=SelfConsistencyConfig(n_candidates=21))
    for seed in range(5):
        trajectory = open_agent(config, model(seeded)).solve(TASK, seed=seed)
        (step,) = trajectory.steps
        said = [candidate.observation for candidate in step.candidates]
        assert len(said) == 21
        assert trajectory.answer == max("AB", key=said.count)
        assert [candidate.chosen for candidate in step.candidates].count(True) == 1
        assert trajectory.usage.completion_tokens == 21 * 2
        assert trajectory.usage.requests == 1


def test_adaptive_voting_saves_samples_and_says_how_many() -> None:
    config = ChainOfThoughtConfig(self_consistency=SelfConsistencyConfig(n_candidates=8, adaptive=True))
    trajectory = open_agent(config, model(lambda request: "Answer: A")).solve(TASK)
    (step,) = trajectory.steps
    assert (len(step.candidates), step.candidates_saved, trajectory.answer) == (5, 3, "A")


def test_the_same_seed_gives_the_same_record() -> None:
    agent = open_agent(ChainOfThoughtConfig(self_consistency=SelfConsistencyConfig()), model(seeded))
    records = [agent.solve(TASK, seed=seed).without_timing() for seed in (1, 2, 1)]
    assert records[0] == records[2] != records[1]
