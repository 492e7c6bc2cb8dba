"""The names of functions stay theirs: what code binds to them lasts until the end of its action."""

from __future__ import annotations

import pytest

from understudy.records import ExecutionStatus
from understudy.sandbox import HostFunction, Rollback, Sandbox


def look_up(query: str) -> str:
    return f"about {query}"


FUNCTIONS = {"look_up": HostFunction(look_up)}
SHADOWS = {
    "assignment": "look_up = look_up('x')",
    "unpacking": "look_up, other = 1, 2",
    "annotated": "look_up: int = 3",
    "def": "def look_up(query):\n    return 'invented'",
    "async def": "async def look_up(query): ...",
    "class": "class look_up: ...",
    "import as": "import math as look_up",
    "from import as": "from math import sqrt as look_up",
    "for": "for look_up in range(3): ...",
    "with as": "import contextlib\nwith contextlib.nullcontext(5) as look_up: ...",
    "except as": "try:\n    1 / 0\nexcept ZeroDivisionError as look_up: ...",
    "walrus": "print(look_up := 3)",
    "walrus in a comprehension": "[look_up := n for n in range(3)]",
    "match": "match [1, 2]:\n    case [look_up, *_]: ...",
    "del": "del look_up",
    "global in a function": "def f():\n    global look_up\n    look_up = 1\nf()",
    "globals()": "globals()['look_up'] = None",
    "everything deleted": "globals().clear()",
    "before an error": "look_up = 1\n1 / 0",
    "with a finalizer": "class Loud:\n    def __del__(self): raise ValueError\nlook_up = Loud()",
}


@pytest.mark.parametrize("how", SHADOWS)
def test_a_function_has_its_name_again_in_the_next_action(how: str, light_sandbox: Sandbox) -> None:
    with light_sandbox.episode(FUNCTIONS) as episode:
        first = episode.run(SHADOWS[how])
        assert "look_up" in first.restored
        second = episode.run("look_up('tides')")
        assert (second.value, second.restored) == ("about tides", ())
        assert second.tool_calls[0].arguments == '{"query": "tides"}'


@pytest.mark.parametrize("how", ["assignment", "def", "del", "global in a function", "before an error"])
def test_in_branches_too(how: str, light_sandbox: Sandbox) -> None:
    with light_sandbox.episode(FUNCTIONS) as episode:
        first, other = episode.branch([SHADOWS[how], "x = 1"])
        assert (first.restored, other.restored) == (("look_up",), ())
        episode.commit(first)
        again = episode.branch(["look_up('a')", "look_up = 2", "final_answer = 3"])
        assert [e.value for e in again] == ["about a", None, None]
        assert [e.restored for e in again] == [(), ("look_up",), ("final_answer",)]


@pytest.mark.parametrize("code", ["final_answer = 6 * 7", "def final_answer(x): return x", "del final_answer"])
@pytest.mark.parametrize("rollback", list(Rollback))
def test_the_final_answer_can_still_be_given(code: str, rollback: Rollback) -> None:
    with Sandbox(preload=(), rollback=rollback) as sandbox, sandbox.episode() as episode:
        assert episode.run(code).restored == ("final_answer",)
        dead = episode.run("final_answer = 1\nimport random\nrandom._os._exit(1)")
        assert (dead.status, dead.restored) == (ExecutionStatus.CRASHED, ())
        assert episode.run("final_answer(42)").final_answer == "42"


def test_a_star_import_does_not_take_a_name(light_sandbox: Sandbox) -> None:
    with light_sandbox.episode({"sqrt": HostFunction(look_up)}) as episode:
        assert episode.run("from math import *\nsqrt(9)").value == "3.0"
        assert episode.run("sqrt(9)").value == "about 9"


def test_own_names_stay(light_sandbox: Sandbox) -> None:
    with light_sandbox.episode(FUNCTIONS) as episode:
        assert episode.run("def f(look_up): return look_up\nclass C:\n    look_up = 1\nx = f(2)").restored == ()
        assert episode.run("x, C.look_up, [look_up for look_up in [3]]").value == "(2, 1, [3])"
        assert episode.run("list = [1]\nsum = 2").restored == ()
        assert episode.run("list, sum").value == "([1], 2)"


def test_what_builtins_are_called_stays_theirs(light_sandbox: Sandbox) -> None:
    with light_sandbox.episode(FUNCTIONS) as episode:
        episode.run("__builtins__ = {}")
        assert episode.run("len('four')").value == "4"
        episode.run("import io, sys\nsys.stdout = sys.stderr = io.StringIO()\nprint('lost')")
        assert episode.run("print('seen')\nprint('too', file=sys.stderr)").printed == "seen\ntoo\n"


@pytest.mark.parametrize(
    "name", ["list", "print", "len", "ValueError", "final_answer", "class", "a-b", "", "__name__", "1a"]
)
def test_names_that_code_needs_are_refused(name: str, light_sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="cannot be named"):
        light_sandbox.episode({name: HostFunction(look_up)})


def test_other_names_are_free(light_sandbox: Sandbox) -> None:
    with light_sandbox.episode({name: HostFunction(look_up) for name in ("help", "match", "größe", "_x")}) as episode:
        assert episode.run("help('a') + match('b') + größe('c') + _x('d')").value == "about aabout babout cabout d"
