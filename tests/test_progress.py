"""The bar: what it says on a terminal and elsewhere, and how smooth its estimate of the time left is."""

from __future__ import annotations

import os
import pty
import random
import re
import shlex
import subprocess
import sys
import threading
import time
from itertools import pairwise

import pytest

from understudy import progress
from understudy.progress import GENERATED_TOKENS, Progress, SmoothRate


def estimates(step_ends: list[float], total: int, every_s: float = 1.0) -> list[tuple[float, float]]:
    """(now, estimated end) at each second, where the steps end at the given times."""
    rate, done, found, now = SmoothRate(0.0), 0, [], 0.0
    while done < len(step_ends):
        now += every_s
        while done < len(step_ends) and step_ends[done] <= now:
            rate.advance(1, step_ends[done])
            done += 1
        left_s = rate.left_s(total - done, now)
        if left_s is not None and done < total:
            found.append((now, now + left_s))
    return found


def test_nine_of_fifteen_at_136_a_thousand_seconds() -> None:
    """The case of the list of faults: the bar said one second, at 9/15 and 0.136/s."""
    rate = SmoothRate(0.0)
    for number in range(1, 10):
        rate.advance(1, number / 0.136)
    left_s = rate.left_s(6, 9 / 0.136)
    assert left_s == pytest.approx(6 / 0.136, rel=0.01)


@pytest.mark.parametrize("step_s", [0.2, 1.0, 30.0, 300.0])
def test_equal_steps_give_a_constant_end(step_s: float) -> None:
    found = estimates([step_s * n for n in range(1, 101)], 100)
    assert all(end == pytest.approx(100 * step_s, rel=0.02, abs=2) for _, end in found)


def test_steps_of_about_30_seconds_are_smooth() -> None:
    lengths = random.Random(1)
    ends, now = [], 0.0
    for _ in range(100):
        now += lengths.uniform(20, 40)
        ends.append(now)
    found = [pair for pair in estimates(ends, 100) if pair[0] > 150]
    jumps = [abs(after - before) for (_, before), (_, after) in pairwise(found)]
    assert max(jumps) < 0.15 * now
    assert all(end == pytest.approx(now, rel=0.2) for _, end in found)


@pytest.mark.parametrize("wave_s", [10.0, 60.0])
def test_attempts_that_end_in_waves_do_not_shake_it(wave_s: float) -> None:
    """With 32 in flight 32 end nearly at once, and then none for a while."""
    ends = [wave_s * (1 + wave) + 0.5 + 0.01 * n for wave in range(8) for n in range(32)]
    found = [end for now, end in estimates(ends, 256) if now > 2 * wave_s + 1]
    assert all(end == pytest.approx(8 * wave_s, rel=0.4) for end in found)


def test_it_follows_a_change_of_speed() -> None:
    rate = SmoothRate(0.0)
    now = 0.0
    for _ in range(100):
        now += 1.0
        rate.advance(1, now)
    for _ in range(40):
        now += 10.0
        rate.advance(1, now)
    assert rate.per_s == pytest.approx(0.1, rel=0.6)


def test_nothing_done_is_no_estimate_and_a_late_step_does_not_reach_zero() -> None:
    rate = SmoothRate(0.0)
    assert rate.left_s(5, 100.0) is None
    rate.advance(1, 10.0)
    assert rate.left_s(5, 10.0) == pytest.approx(50)
    assert rate.left_s(5, 15.0) == pytest.approx(45)
    assert rate.left_s(5, 20.5) > 39, "the steps after the one that is late take their time too"
    assert rate.left_s(5, 1000.0) > 400, "and it may be that all of them are slow"
    assert rate.left_s(0, 1000.0) == 0


def test_while_a_step_is_late_the_estimate_grows_without_a_jump_at_its_end() -> None:
    rate = SmoothRate(0.0)
    for number in range(1, 9):
        rate.advance(1, 7.5 * number)
    late = [rate.left_s(4, 60.0 + waited) for waited in range(10, 200, 10)]
    assert late == sorted(late)
    rate.advance(1, 250.0)
    assert rate.left_s(3, 250.0) == pytest.approx(late[-1], rel=0.1)


def test_what_came_before_the_total_was_known_is_no_step() -> None:
    with Progress("train/agent", None, quiet=True) as bar:
        time.sleep(0.5)
        bar.expect(10)
        time.sleep(0.05)
        bar.advance()
        assert bar._rate.per_s > 3


def test_a_line_at_the_end_says_what_was_done(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("tasks", 3, done=1) as bar:
        bar.advance(facts="[b]2 right")
        bar.advance()
    said = capsys.readouterr().err
    assert said.startswith("tasks: 3/3 in ")
    assert "1 from before" in said
    assert said.endswith("[b]2 right\n")
    assert said.count("\n") == 1


def test_a_quiet_bar_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("tasks", 1, quiet=True) as bar:
        bar.advance()
    assert capsys.readouterr().err == ""


def test_without_a_terminal_lines_come_at_intervals_and_name_tokens(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.2)
    with Progress("evaluate/agent", None) as bar:
        bar.expect(200)
        GENERATED_TOKENS.add(12_345)
        time.sleep(0.7)
        for _ in range(100):  # advancing prints nothing by itself
            bar.advance()
    *lines, last = capsys.readouterr().err.splitlines()
    assert 1 <= len(lines) <= 4
    assert re.fullmatch(r"evaluate/agent: 0/200 after 0:00:0\d  12,345 tokens generated, \d+/s", lines[0])
    assert last.startswith("evaluate/agent: 100/200 in ")
    count = threading.active_count()
    time.sleep(0.5)
    assert threading.active_count() <= count
    assert capsys.readouterr().err == ""


SHOW = """
import sys, time
from rich.console import Console
from understudy.progress import GENERATED_TOKENS, Progress, print_above_bars
out = Console(soft_wrap=True)
with Progress("train/agent", 4) as bar:
    for number in range(4):
        GENERATED_TOKENS.add(100)
        time.sleep(0.15)
        bar.advance(facts="loss 0.5")
        print_above_bars(f"result {number}", out)
print_above_bars("the end", out)
"""


def on_a_terminal(program: str, **variables: str) -> str:
    """What a terminal of 120 columns is sent."""
    main, child = pty.openpty()
    environment = {**os.environ, "COLUMNS": "120", "TERM": "xterm", **variables}
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=child, stdout=child, stderr=child, env=environment, close_fds=True
    ) as process:
        os.close(child)
        said = b""
        while True:
            try:
                piece = os.read(main, 4096)
            except OSError:  # the other side is closed
                break
            if not piece:
                break
            said += piece
        process.wait(30)
    os.close(main)
    return said.decode()


def test_on_a_terminal_results_stand_on_lines_of_their_own() -> None:
    said = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", on_a_terminal(SHOW))
    lines = [line.strip() for line in re.split(r"[\r\n]+", said)]
    for number in range(4):
        assert f"result {number}" in lines, said
    assert "the end" in lines
    bars = [line for line in lines if line.startswith("train/agent")]
    assert "4/4" in bars[-1]
    assert "tokens generated" in bars[-1]
    assert "loss 0.5" in bars[-1]


def test_a_total_that_is_known_before_the_work_begins_is_shown_and_preparing_is_no_step(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Progress("train", 12) as bar:
        assert bar._count() == "0/12"
        bar._rate = SmoothRate(0.0)  # preparing took long
        bar.expect(12)
        bar.advance(1)
        assert bar._rate.per_s > 10
        rate = bar._rate
        bar.expect(12)
        assert bar._rate is rate
    assert "1/12" in capsys.readouterr().err


ODD = """
import sys
from understudy.progress import Progress
def say(label, total, *steps, facts="", expect=None, done=0):
    with Progress(label, total, done=done) as bar:
        if expect is not None:
            bar.expect(expect)
        for step in steps:
            bar.advance(step, facts)
say("[red]x", 2, 1, 1)
say("[/b] old", 2, 1)
say("fetch [a](b).gz (MiB)", None, 3)
say("", 1, 1)
say("Prüfung 日本 –", 1, 1)
say("{0} %s", 1, 1)
say("x" * 200, 1, 1)
say("facts", 2, 1, facts="[/] loss nan")
say("none", 0)
say("zero known late", None, expect=0)
say("more than all", 2, 1, 1, 1)
say("fewer than done", 9, 1, expect=4, done=6)
say("parts", 2, 0.25, 0.25, 0.5, 1)
say("huge", 10**15, 1)
say("nothing new", 3, 0)
print("the end")
"""


@pytest.mark.parametrize("columns", ["120", "30", "1"])
def test_odd_labels_and_counts_end_no_work(columns: str) -> None:
    said = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", on_a_terminal(ODD, COLUMNS=columns))
    assert "Traceback" not in said
    assert "the end" in said.splitlines()
    if columns == "120":
        for shown in ("[red]x", "[/b] old", "[a](b).gz (MiB)", "Prüfung 日本 –", "{0} %s", "[/] loss nan"):
            assert shown in said, shown
        for count in ("0/0", "3/2", "7/4", "2/2", "0/3", f"1/{10**15}"):
            assert count in said, count


@pytest.mark.parametrize("stream", ["/dev/full", "closed"])
def test_a_standard_error_that_takes_nothing_ends_no_work(stream: str) -> None:
    where = "2>&-" if stream == "closed" else f"2> {stream}"
    command = f"{shlex.quote(sys.executable)} -c {shlex.quote(ODD)} {where}"
    done = subprocess.run(["sh", "-c", command], stdout=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "the end\n")
