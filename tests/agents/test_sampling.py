"""Self-consistent actions: each candidate runs once from the same state, and the episode continues from the winner's
state."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from tests.agents.scripts import TASK, Candidates, action
from understudy.agents import CodeAgentConfig, SelfConsistencyConfig, open_agent
from understudy.records import ExecutionStatus, FirstThought, ParseProblem, PrefixMode, StopReason, Trajectory
from understudy.retrieval import Hit, Passage
from understudy.sandbox import Sandbox
from understudy.tools import SearchConfig, SearchTool, Tool


def config(n: int, *, adaptive: bool = False, **settings: object) -> CodeAgentConfig:
    voting = SelfConsistencyConfig(n_candidates=n, adaptive=adaptive)
    return CodeAgentConfig.model_validate({"self_consistency": voting, **settings})


def solve(
    sandbox: Sandbox,
    *steps: list[str],
    tools: tuple[Tool, ...] = (),
    logprobs: list[float] | None = None,
    seed: int = 0,
) -> Trajectory:
    model = Candidates(*steps, logprobs=logprobs)
    return open_agent(config(len(steps[0])), model, sandbox, tools).solve(TASK, seed=seed)


def test_final_answers_1_2_2_2_elect_2(sandbox: Sandbox) -> None:
    """Mistake 2 of the released code: it voted on printed text, of which there is none, and 1 won."""
    trajectory = solve(sandbox, [action(f"final_answer({each})") for each in (1, 2, 2, 2)])
    assert trajectory.answer == "2"
    assert [each.chosen for each in trajectory.steps[0].candidates] == [False, True, False, False]
    assert [each.vote for each in trajectory.steps[0].candidates] == [0, 1, 1, 1]


def test_losers_variables_do_not_exist_and_the_winners_do(sandbox: Sandbox) -> None:
    """Mistake 3: candidates ran one after another in one state, and the losers' variables leaked."""
    trajectory = solve(
        sandbox,
        [
            action("loser = 1\nshared = 'loser'\nprint('a')"),
            action("winner = 2\nshared = 'winner'\nprint('b')"),
            action("other = 3\nshared = 'other'\nprint('b')"),
        ],
        [action("print(winner, shared, 'loser' in globals(), 'other' in globals())")] * 3,
        [action("final_answer(shared)")] * 3,
    )
    assert trajectory.messages[5].content.endswith("2 winner False False")
    assert trajectory.answer == "winner"


def test_five_add_1_and_three_add_100_leave_1(sandbox: Sandbox) -> None:
    """The released code leaves 306: every candidate acts on what the last one left, and the winner acts twice."""
    trajectory = solve(
        sandbox,
        [action("x = 0\nprint(x)")] * 8,
        [action("x = x + 1\nprint('moved')")] * 5 + [action("x = x + 100\nprint('moved')")] * 3,
        [action("final_answer(x)")] * 8,
    )
    assert trajectory.answer == "1"


def test_a_candidate_cannot_pass_thanks_to_a_failed_one(sandbox: Sandbox) -> None:
    trajectory = solve(
        sandbox,
        [action("y = 5\n1 / 0"), action("print(y)"), action("print('alone')")],
        [action("final_answer('y' in globals())")] * 3,
    )
    statuses = [each.execution_status for each in trajectory.steps[0].candidates]
    assert statuses == [ExecutionStatus.ERROR, ExecutionStatus.ERROR, ExecutionStatus.OK]
    assert trajectory.answer == "False"


class _Counting:
    def __init__(self) -> None:
        self.queries: list[str] = []
        self._lock = threading.Lock()

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        with self._lock:
            self.queries.extend(queries)
        return [[Hit(Passage("1", "Title", f"About {query}."), 1.0)] for query in queries]

    def close(self) -> None: ...


def test_the_same_search_by_eight_candidates_costs_one_search(sandbox: Sandbox) -> None:
    """Mistake 3 again: eight candidates made nine searches, as the winner was run once more."""
    retriever = _Counting()
    search = SearchTool(retriever, SearchConfig()).tool()
    trajectory = solve(
        sandbox,
        [action("page = web_search('salt')\nprint(page)")] * 7 + [action("print(web_search('pepper'))")],
        [action("final_answer(page[:9])")] * 8,
        tools=(search,),
    )
    assert sorted(retriever.queries) == ["pepper", "salt"]
    assert trajectory.answer == "[1] Title"


def test_a_call_with_effects_is_made_by_the_kept_candidate_alone(sandbox: Sandbox) -> None:
    notes: list[str] = []

    def note(text: str) -> str:
        notes.append(text)
        return f"noted {text}"

    tool = Tool("note", "(text: str) -> str", "Write a note.", note, pure=False)
    trajectory = solve(
        sandbox,
        [action("got = note('b')\nprint(got)"), action("got = note('b')\nprint(got)"), action("got = note('c')")],
        [action("final_answer(got)")] * 3,
        tools=(tool,),
    )
    assert notes == ["b"]
    assert trajectory.answer == "noted b"
    assert trajectory.messages[3].content.endswith("noted b")
    assert [call.name for call in trajectory.steps[0].tool_calls] == ["note"]


def test_unparseable_candidates_are_recorded_and_have_no_vote(sandbox: Sandbox) -> None:
    trajectory = solve(sandbox, ["Thought: hm", "Thought: hm", action("x = = 1"), action("final_answer(7)")])
    assert trajectory.answer == "7"
    (step,) = trajectory.steps
    assert [each.parse_problem for each in step.candidates] == [
        ParseProblem.NO_CODE,
        ParseProblem.NO_CODE,
        ParseProblem.SYNTAX_ERROR,
        None,
    ]
    assert [each.vote for each in step.candidates] == [None, None, None, 0]


def test_all_failed_keeps_one_by_the_seed_and_feeds_its_error_back(sandbox: Sandbox) -> None:
    failing = [action("1 / 0"), "Thought: hm", action("undefined"), action("raise KeyError('k')")]
    chosen = set()
    for seed in range(12):
        trajectories = [solve(sandbox, failing, [action("final_answer(0)")] * 4, seed=seed) for _ in range(2)]
        assert trajectories[0].without_timing() == trajectories[1].without_timing()
        (index,) = [n for n, each in enumerate(trajectories[0].steps[0].candidates) if each.chosen]
        chosen.add(index)
        words = ("ZeroDivisionError", "no code block", "NameError", "KeyError")[index]
        assert words in trajectories[0].messages[3].content
        assert trajectories[0].answer == "0"
    assert len(chosen) >= 3


def test_a_tie_goes_to_the_more_probable_candidate(sandbox: Sandbox) -> None:
    step = [action("final_answer(1)"), action("final_answer(2)")]
    assert solve(sandbox, step, logprobs=[-3.0, -1.0]).answer == "2"
    assert solve(sandbox, step).answer == "1"


def test_one_request_for_all_candidates(sandbox: Sandbox) -> None:
    model = Candidates([action("final_answer(1)")] * 8)
    trajectory = open_agent(config(8), model, sandbox).solve(TASK)
    (request,) = model.requests
    assert (request.n, request.temperature, request.top_p, request.logprobs) == (8, 0.4, 0.8, True)
    assert trajectory.usage.requests == 1
    assert trajectory.usage.prompt_tokens == 10
    assert trajectory.usage.completion_tokens == 40


@pytest.mark.parametrize(
    ("replies", "n_asked", "answer"),
    [
        ("11111222", 5, "1"),
        ("21111122", 6, "1"),
        ("12121212", 8, "1"),
        ("xxxxx111", 7, "1"),
    ],
)
def test_adaptive_asking_keeps_the_same_answer_and_counts_what_it_saved(
    sandbox: Sandbox, replies: str, n_asked: int, answer: str
) -> None:
    step = ["Thought: hm" if each == "x" else action(f"v = {each}\nprint(v)") for each in replies]
    last = [action("final_answer(v)")] * 8
    answers = []
    for adaptive in (True, False):
        agent = open_agent(config(8, adaptive=adaptive), Candidates(step, last), sandbox)
        trajectory = agent.solve(TASK)
        answers.append(trajectory.answer)
        if adaptive:
            assert len(trajectory.steps[0].candidates) == n_asked
            assert [each.candidates_saved for each in trajectory.steps] == [8 - n_asked, 3]
        else:
            assert [each.candidates_saved for each in trajectory.steps] == [0, 0]
    assert answers == [answer, answer]


def test_candidates_continue_a_prefix(sandbox: Sandbox) -> None:
    rest = " So.\nCode:\n```py\nfinal_answer(1)\n```"
    agent = open_agent(config(3, prefix_mode=PrefixMode.PREFIX), Candidates([rest] * 3), sandbox)
    trajectory = agent.solve(TASK, first_thought=FirstThought(task_id="t", text="First.", trajectory_id="t#0"))
    assert all(each.reply.startswith("Thought: First. So.") for each in trajectory.steps[0].candidates)
    assert trajectory.messages[2].content == trajectory.steps[0].candidates[0].reply
    assert trajectory.stop_reason is StopReason.ANSWERED


def test_the_record_does_not_depend_on_which_candidate_asks_first(sandbox: Sandbox) -> None:
    search = SearchTool(_Counting(), SearchConfig()).tool()
    step = [action("web_search('salt')\nweb_search('salt')\nprint(1)")] * 6
    seen = set()
    for _ in range(8):
        trajectory = solve(sandbox, step, step, [action("final_answer(1)")] * 6, tools=(search,))
        seen.add(tuple(tuple(call.cached for call in each.tool_calls) for each in trajectory.steps))
    assert seen == {((False, True), (True, True), ())}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (
            "import warnings\nwarnings.warn('careful')\nprint(1)",
            "import warnings\n\n\nwarnings.warn(str('careful'))\nprint(1)",
        ),
        ("x = '\\d'\nprint(1)", "\n\ny = 'a' + '\\d'\nprint(1)"),
        ("print(1 is 1)", "x = 1\nprint(x is 1)"),
        (
            "import warnings as w\nfor n in range(3): w.warn('a')\nprint(1)",
            "import warnings\nwarnings.warn('a')\nprint(1)",
        ),
    ],
)
def test_warnings_quote_no_code_so_the_vote_goes_by_what_was_printed(sandbox: Sandbox, first: str, second: str) -> None:
    trajectory = solve(sandbox, [action(code) for code in (first, second)], [action("final_answer(1)")] * 2)
    assert [candidate.vote for candidate in trajectory.steps[0].candidates] == [0, 0]
