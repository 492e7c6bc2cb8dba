# ruff: noqa: E501 - code in one line
"""Branches: each candidate runs once, from exactly one state; the committed one lives on; tools are asked once."""

from __future__ import annotations

import threading
import time

import pytest

from understudy.records import ExecutionStatus
from understudy.sandbox import HostFunction, Limits, Rollback, Sandbox, SandboxError
from understudy.sandbox import episode as episode_module


def test_every_branch_starts_from_the_same_state(light_sandbox: Sandbox) -> None:
    with light_sandbox.episode() as episode:
        episode.run("x = 0\nlog = []")
        codes = ["x = x + 1\nlog.append('a')\nx, log"] * 5 + ["x = x + 100\nlog.append('b')\nx, log"] * 3
        executions = episode.branch(codes)
        assert [e.value for e in executions] == ["(1, ['a'])"] * 5 + ["(100, ['b'])"] * 3
        assert [e.branch for e in executions] == list(range(8))
        episode.commit(executions[6])
        assert episode.run("x, log").value == "(100, ['b'])"


def test_without_commit_the_state_is_as_it_was(light_sandbox: Sandbox) -> None:
    with light_sandbox.episode() as episode:
        episode.run("x = 1")
        episode.branch(["x = 2", "x = 3"])
        assert episode.run("x").value == "1"


def test_branches_of_branches(light_sandbox: Sandbox) -> None:
    with light_sandbox.episode() as episode:
        for step in range(6):
            executions = episode.branch([f"s = globals().get('s', '') + '{step}{i}'\ns" for i in range(3)])
            episode.commit(executions[step % 3])
        assert episode.run("s").value == "001122304152"


def test_a_failed_branch_can_be_committed(light_sandbox: Sandbox) -> None:
    with light_sandbox.episode() as episode:
        episode.run("x = 1")
        executions = episode.branch(["x = 5\n1 / 0", "x = 6\nimport random\nrandom._os._exit(3)"])
        assert [e.status for e in executions] == [ExecutionStatus.ERROR, ExecutionStatus.CRASHED]
        episode.commit(executions[1])
        assert episode.run("x").value == "1"
        executions = episode.branch(["x = 5\n1 / 0"])
        episode.commit(executions[0])
        assert episode.run("x").value == "5"


def test_what_is_no_branch_cannot_be_committed(light_sandbox: Sandbox) -> None:
    with light_sandbox.episode() as episode:
        with pytest.raises(ValueError, match="expected a branch"):
            episode.commit(episode.run("1"))
        execution = episode.branch(["1"])[0]
        episode.commit(execution)
        with pytest.raises(ValueError, match="expected a branch"):
            episode.commit(execution)
        with pytest.raises(ValueError, match="branches are possible"):
            episode.branch([])


def test_final_answer_in_a_branch(light_sandbox: Sandbox) -> None:
    with light_sandbox.episode() as episode:
        episode.run("x = 20")
        executions = episode.branch(
            ["final_answer(x + 1)", "try:\n    final_answer(x + 2)\nexcept Exception:\n    pass", "x"]
        )
        assert [(e.is_final, e.final_answer) for e in executions] == [(True, "21"), (True, "22"), (False, None)]


@pytest.mark.parametrize(
    "code",
    [
        "final_answer(1)",
        "def f():\n    final_answer(1)\nf()\nprint('never')",
        "try:\n    final_answer(1)\nexcept Exception:\n    print('never')",
        "try:\n    final_answer(1)\nexcept BaseException:\n    print('never')\nprint('never')",
        "try:\n    final_answer(1)\nexcept:\n    pass\nwhile True: pass",
        "while True:\n    try:\n        while True:\n            try:\n                final_answer(1)\n            except: pass\n    except: pass",
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    final_answer(1)\nfinally:\n    x = 1",
        "def g():\n    for i in range(9):\n        try:\n            yield final_answer(1)\n        except: pass\nlist(g())\nprint('never')",
        "sorted([3, 1, 2], key=lambda v: final_answer(1))",
        "class C:\n    def __enter__(self): return self\n    def __exit__(self, *a): return True\nwith C():\n    final_answer(1)\nprint('never')",
        "final_answer(1)\nfinal_answer(2)",
        "try:\n    final_answer(1)\nexcept:\n    final_answer(2)",
    ],
)
def test_final_answer_ends_the_run_wherever_it_is_called(code: str, light_sandbox: Sandbox) -> None:
    with light_sandbox.episode() as episode:
        execution = episode.run(code)
        assert (execution.status, execution.is_final, execution.final_answer) == (ExecutionStatus.OK, True, "1")
        assert execution.printed == ""
        assert episode.run("2").value == "2"


def test_pure_functions_are_asked_once_for_all_branches(light_sandbox: Sandbox) -> None:
    asked: list[str] = []

    def search(query: str, k: int = 3) -> str:
        asked.append(query)
        time.sleep(0.05)
        return f"about {query}: {k}"

    with light_sandbox.episode({"search": HostFunction(search)}) as episode:
        executions = episode.branch(["print(search('cats'))"] * 6 + ["print(search(query='dogs'))"] * 2)
        assert sorted(asked) == ["cats", "dogs"]
        assert [e.printed for e in executions] == ["about cats: 3\n"] * 6 + ["about dogs: 3\n"] * 2
        assert sum(not e.tool_calls[0].cached for e in executions) == 2
        assert executions[0].tool_calls[0].arguments == '{"query": "cats"}'
        episode.commit(executions[0])
        again = episode.run("search('cats')")
        assert again.tool_calls[0].cached
        assert again.value == "about cats: 3"


def test_functions_of_branches_run_side_by_side(light_sandbox: Sandbox) -> None:
    meeting = threading.Barrier(4, timeout=20)

    def meet(name: str) -> str:
        meeting.wait()
        return name

    with light_sandbox.episode({"meet": HostFunction(meet)}) as episode:
        executions = episode.branch([f"meet('{n}')" for n in "abcd"])
    assert [e.value for e in executions] == list("abcd")


def test_a_branch_with_effects_waits_until_it_is_committed(light_sandbox: Sandbox) -> None:
    sent: list[str] = []

    def send(text: str) -> int:
        sent.append(text)
        return len(sent)

    with light_sandbox.episode({"send": HostFunction(send, pure=False)}) as episode:
        executions = episode.branch([f"print('first')\nn = send('{c}')\nm = send('{c}!')\nn + m" for c in "ab"])
        assert [(e.waits_for, e.printed, e.value) for e in executions] == [("send", "first\n", None)] * 2
        assert sent == []
        done = episode.commit(executions[1])
        assert (done.value, done.waits_for, sent) == ("3", None, ["b", "b!"])
        assert episode.run("n, m").value == "(1, 2)"


def test_errors_of_functions_are_observations(light_sandbox: Sandbox) -> None:
    def fail(n: int) -> int:
        raise ValueError(f"no {n}")

    with light_sandbox.episode({"fail": HostFunction(fail)}) as episode:
        caught = episode.run("try:\n    fail(3)\nexcept Exception as e:\n    print(e)")
        assert caught.printed == "ValueError: no 3\n"
        assert caught.tool_calls[0].error == "ValueError: no 3"
        assert episode.run("fail()").error_name == "ToolError"
        assert episode.run("fail(object())").error_name == "TypeError"


@pytest.mark.parametrize("branches", [False, True])
def test_a_sandbox_error_of_a_function_ends_the_run_in_the_host(branches: bool, light_sandbox: Sandbox) -> None:
    def fail() -> None:
        raise SandboxError("the search service is down")

    with light_sandbox.episode({"fail": HostFunction(fail)}) as episode:
        episode.run("x = 1")
        with pytest.raises(SandboxError, match="service is down"):
            episode.branch(["fail()", "2"]) if branches else episode.run("fail()")
        assert episode.run("x").value == "1"


def test_values_survive_the_way_to_a_function_and_back(light_sandbox: Sandbox) -> None:
    with light_sandbox.episode({"same": HostFunction(lambda *a, **k: (a, k))}) as episode:
        code = "v = [None, True, 2 ** 70, -1.5, float('inf'), 'é\\ud800', b'x', (1, [2]), {3}, {'k': {4: 5}}, frozenset([6])]\n"
        assert episode.run(code + "same(v, a=1) == ((v,), {'a': 1})").value == "True"


@pytest.mark.parametrize("rollback", list(Rollback))
def test_the_state_survives_a_death(rollback: Rollback) -> None:
    asked: list[int] = []

    def count() -> int:
        asked.append(1)
        return len(asked)

    with Sandbox(preload=(), rollback=rollback, limits=Limits(cpu_s=2, wall_s=10)) as sandbox:  # noqa: SIM117
        with sandbox.episode({"count": HostFunction(count, pure=False)}, seed=3) as episode:
            episode.run("import random\na = random.random()\nn = count()")
            before = episode.run("a, n").value
            dead = episode.run("a = n = 0\nrandom._os._exit(1)")
            assert (dead.status, dead.state_kept) == (ExecutionStatus.CRASHED, False)
            assert episode.run("a, n").value == before
            assert len(asked) == 1
            executions = episode.branch(["n + 1", "random._os._exit(1)", "n + 3"])
            assert [e.value for e in executions] == ["2", None, "4"]
            assert episode.run("random.random()").value is not None


def test_the_seed_decides_what_is_random(sandbox: Sandbox) -> None:
    code = "import random, numpy as np\nrandom.random(), np.random.rand(), np.random.default_rng().random(), random.SystemRandom().random()"

    def outcome(seed: int) -> list[str | None]:
        with sandbox.episode(seed=seed) as episode:
            first = episode.run(code).value
            executions = episode.branch(["random.random(), np.random.rand()"] * 2)
            episode.commit(executions[0])
            return [first, *(e.value for e in executions), episode.run(code).value]

    one, again, other = outcome(5), outcome(5), outcome(6)
    assert one == again
    assert one[1] == one[2]
    assert one[0] != other[0]
    assert one[0] != one[3]


def test_sets_and_hashes_are_the_same_in_every_sandbox() -> None:
    values = []
    for _ in range(2):
        with Sandbox(preload=()) as sandbox, sandbox.episode() as episode:
            values.append(episode.run("hash('a'), list({'x', 'y', 'zebra', 'q'})").value)
    assert values[0] == values[1]


def test_many_branches_at_once(light_sandbox: Sandbox) -> None:
    with light_sandbox.episode() as episode:
        n = episode_module.MAX_BRANCHES
        executions = episode.branch([f"{i} * 2" for i in range(n)])
        assert [e.value for e in executions] == [str(i * 2) for i in range(n)]
