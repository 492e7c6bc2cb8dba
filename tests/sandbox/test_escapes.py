"""Nothing gets out: every case as hostile code would write it, in the kernel level's real isolation."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.escapes import CASES, GROUPS, MARK, PRELUDE, VICTIM
from understudy.sandbox import Level, Limits, Sandbox


@pytest.fixture(autouse=True)
def bait(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Something worth stealing, and something worth breaking."""
    monkeypatch.setenv("UNDERSTUDY_SECRET", "hunter2")
    VICTIM.write_text("still here")
    yield
    VICTIM.unlink()


def test_there_are_enough_cases_of_every_class() -> None:
    assert len(CASES) >= 100
    assert all(len(cases) >= 5 for cases in GROUPS.values())


@pytest.mark.parametrize("name", CASES)
def test_does_not_escape(name: str, strict_sandbox: Sandbox, light_sandbox: Sandbox) -> None:
    group = name.partition(":")[0]
    if group == "kernel" and platform.machine() != "x86_64":
        pytest.skip("numbers of system calls are those of x86_64")
    sandbox = strict_sandbox if group == "libraries" else light_sandbox
    with sandbox.episode() as episode:
        assert episode.run(PRELUDE).error == ""
        execution = episode.run(CASES[name])
        assert MARK not in execution.printed, execution
        assert episode.run("print('alive')\n1 + 1").value == "2"
    assert VICTIM.read_text() == "still here"
    assert not list(Path("/tmp").glob("understudy-escape*"))


def test_the_prelude_gives_real_weapons(light_sandbox: Sandbox) -> None:
    with light_sandbox.episode() as episode:
        episode.run(PRELUDE)
        assert episode.run("works(os.getpid)").printed.startswith(MARK)
        assert episode.run("call(39)").printed.startswith(MARK)
        assert episode.run("os.read").value == "<built-in function read>"


def test_a_later_episode_finds_nothing(light_sandbox: Sandbox) -> None:
    with light_sandbox.episode() as episode:
        episode.run(PRELUDE + "\nrandom.poison = builtins.poison = sys.poison = 1\nbuiltins.sum = lambda x: 5")
        assert episode.run("sum([])").value == "5"
    with light_sandbox.episode() as episode:
        episode.run(PRELUDE)
        code = "[hasattr(m, 'poison') for m in (random, builtins, sys)], sum([])"
        assert episode.run(code).value == "([False, False, False], 0)"


def test_signals_to_the_host_fail(light_sandbox: Sandbox) -> None:
    with light_sandbox.episode() as episode:
        episode.run(PRELUDE)
        execution = episode.run(f"os.kill({os.getpid()}, 9)")
    assert execution.error_name == "PermissionError"


HARMLESS = [
    *(
        f"files: {n}"
        for n in ("open", "os.open", "io.FileIO", "stat", "lstat", "readlink", "listdir", "scandir", "access")
    ),
    *(f"files: {n}" for n in ("path exists", "getcwd", "statvfs", "os.fwalk")),
    *(f"processes: {n}" for n in ("os.system", "clone thread", "memfd and exec", "kill the parent")),
    *(f"processes: {n}" for n in ("pidfd_open", "prlimit of the parent", "setpgid", "subreaper")),
    *(f"network: {n}" for n in ("tcp", "udp", "unix", "socketpair", "gethostname", "pipe", "eventfd", "dup")),
    *(f"kernel: {n}" for n in ("executable memory", "make memory executable", "sysinfo", "openat", "inotify")),
    *(f"python: {n}" for n in ("random._os", "class hierarchy", "traceback frames", "generator frames", "ctypes open")),
]


def test_the_cases_do_escape_where_nothing_holds_them() -> None:
    """The suite can fail: the same code, without the kernel's filters, gets what it came for."""
    with Sandbox(preload=(), level=Level.RLIMITS, limits=Limits(cpu_s=2, wall_s=5)) as sandbox:
        held = []
        for name in HARMLESS:
            with sandbox.episode() as episode:
                episode.run(PRELUDE)
                if MARK not in episode.run(CASES[name]).printed:
                    held.append(name)
    assert held == []
