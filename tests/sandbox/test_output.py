# ruff: noqa: E501 - code in one line
"""What an action shows: streams, warnings, values and what is said where something was cut."""

from __future__ import annotations

import pytest

from understudy.records import ExecutionStatus
from understudy.sandbox import Limits, Sandbox

SAME = {
    "a division": (
        "import numpy as np\nprint(np.float64(1) / 0)",
        "import numpy\nvalues = numpy.array([1.0, 2.0])\n\nresult = values[0] / 0\nprint(result)",
    ),
    "once or twice": (
        "import numpy as np\nprint(np.log(0.0))",
        "import numpy as np\nx = np.log(0.0)\ny = np.log(0.0)\nfor n in range(3):\n    np.log(0.0)\nprint(y)",
    ),
    "a warning of the code's own": (
        "import warnings\nwarnings.warn('careful')\n1",
        "from warnings import warn\ndef f():\n    warn('careful', stacklevel=2)\nf()\n1",
    ),
    "in a value": (
        "import numpy as np\nnp.sqrt(-1.0)",
        "import numpy as np\n# the root\nroot = np.sqrt(-1.0)\nroot",
    ),
    "never awaited": ("async def f(): ...\nf()\nNone", "async def f():\n    return 2\n\nx = f()\ndel x"),
    "ignored": (
        "class A:\n    def __del__(self): raise ValueError('no')\nA()\nNone",
        "class B:\n    def __del__(self):\n        n = 1\n        raise ValueError('no')\nb = B()\ndel b",
    ),
}


@pytest.mark.parametrize("what", SAME)
def test_warnings_do_not_differ_by_the_line_that_caused_them(what: str, sandbox: Sandbox) -> None:
    with sandbox.episode() as episode:
        first, second = episode.branch(SAME[what])
        episode.commit(first)
        later = episode.run(SAME[what][1])
    assert first.printed == second.printed == later.printed
    assert first.value == second.value
    assert ": " in first.printed, "the warning itself is shown"
    assert not any(word in first.printed for word in ("<action", "line ", "/", "np.", "numpy."))


def test_bytes_are_written_and_counted_as_to_a_file(light_sandbox: Sandbox) -> None:
    code = (
        "import sys, array\nprint(sys.stdout.buffer.write(array.array('i', [65, 66])))\nsys.stdout.buffer.write(VALUE)"
    )
    for value in ("5", "'text'", "None"):
        with light_sandbox.episode() as episode:
            execution = episode.run(code.replace("VALUE", value))
        assert (execution.printed, "TypeError" in execution.error) == ("A\0\0\0B\0\0\08\n", True)


def test_both_streams_are_shown_in_order(light_sandbox: Sandbox) -> None:
    code = (
        "import sys\nprint('a')\nprint('b', file=sys.stderr)\nn = sys.stdout.write('c\\n')\nn = sys.stderr.write('d\\n')\n"
        "n = sys.stdout.buffer.write(b'e\\n')\nsys.stdout.writelines(['f', 'g'])\nsys.stdout.flush()"
    )
    with light_sandbox.episode() as episode:
        execution = episode.run(code)
    assert (execution.printed, execution.error) == ("a\nb\nc\nd\ne\nfg", "")


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("async def f(n):\n    await asyncio.sleep(0.01)\n    return n\nasyncio.run(f(3))", "3"),
        ("async def f():\n    return await asyncio.gather(*[asyncio.sleep(0.01, n) for n in range(3)])\nasyncio.run(f())", "[0, 1, 2]"),
        ("async def f():\n    try:\n        await asyncio.wait_for(asyncio.sleep(9), 0.01)\n    except asyncio.TimeoutError:\n        return 'late'\nasyncio.run(f())", "late"),
        ("async def g():\n    for n in range(3):\n        yield n\nasync def f():\n    return [n async for n in g()]\nasyncio.run(f())", "[0, 1, 2]"),
        ("loop = asyncio.new_event_loop()\nloop.run_until_complete(asyncio.sleep(0, 'done'))", "done"),
    ],
)  # fmt: skip
def test_coroutines_run(code: str, outcome: str, light_sandbox: Sandbox) -> None:
    with light_sandbox.episode() as episode:
        execution = episode.run("import asyncio\n" + code)
    assert (execution.value, execution.error) == (outcome, "")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("async def f(): await asyncio.Future()\nasyncio.run(f())", "nothing is left that could wake one"),
        ("async def f(): await asyncio.to_thread(print, 1)\nasyncio.run(f())", "can't start new thread"),
        ("async def f(): await asyncio.open_connection('127.0.0.1', 1)\nasyncio.run(f())", "not permitted"),
    ],
)
def test_what_a_loop_cannot_wait_for_is_refused_in_words(code: str, message: str, light_sandbox: Sandbox) -> None:
    with light_sandbox.episode() as episode:
        assert message in episode.run("import asyncio\n" + code).error
        assert episode.run("1").value == "1"


def test_coroutines_are_stopped_and_may_answer() -> None:
    with Sandbox(preload=(), limits=Limits(cpu_s=1, wall_s=1)) as sandbox, sandbox.episode() as episode:
        late = episode.run(
            "import asyncio\nasync def f():\n    while True: await asyncio.sleep(0.05)\nasyncio.run(f())"
        )
        assert (late.status, late.state_kept) == (ExecutionStatus.TIMEOUT, True)
        done = episode.run(
            "async def f():\n    final_answer(await asyncio.sleep(0, 4))\nasyncio.run(f())\nprint('never')"
        )
        assert (done.final_answer, done.printed) == ("4", "")


def test_what_is_cut_says_so() -> None:
    with Sandbox(preload=(), limits=Limits(output_chars=100)) as sandbox, sandbox.episode() as episode:
        printed = episode.run("print('x' * 250)")
        assert (printed.printed, printed.dropped_chars) == ("x" * 100, 151)
        assert episode.run("'y' * 250").value == "y" * 100 + "\n… cut: 150 more characters"
        assert episode.run("'y' * 100").value == "y" * 100
        assert episode.run("final_answer('z' * 101)").final_answer == "z" * 100 + "\n… cut: 1 more characters"
