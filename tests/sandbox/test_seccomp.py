"""The filters: the table against the kernel's own headers, the program against an interpreter of BPF, the effect in a
process.
"""

from __future__ import annotations

import platform
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.sandbox.inside import seccomp

ALLOW, KILL, NOTIFY = seccomp.RET_ALLOW, seccomp.RET_KILL, seccomp.RET_NOTIFY
EPERM, ENOSYS = seccomp.RET_ERRNO | 1, seccomp.RET_ERRNO | 38
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
MACHINES = list(seccomp.ARCHITECTURES)


def evaluate(
    program: bytes, number: int, arguments: tuple[int, ...] = (), audit: int | None = None, machine: str = ""
) -> int:
    """What the kernel would do: an interpreter for the six instructions in use."""
    audit = seccomp.ARCHITECTURES[machine].audit if audit is None else audit
    data = struct.pack("=IIQ6Q", number & 0xFFFFFFFF, audit, 0, *(*arguments, 0, 0, 0, 0, 0, 0)[:6])
    at = accumulator = 0
    while True:
        code, jump_true, jump_false, k = struct.unpack_from("=HBBI", program, at * 8)
        at += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("=I", data, k)
        elif code == 0x54:
            accumulator &= k
        elif code in (0x15, 0x35):
            at += jump_true if (accumulator == k if code == 0x15 else accumulator >= k) else jump_false
        else:
            assert code == 0x06
            return int(k)


def number(machine: str, name: str) -> int:
    found = seccomp.NUMBERS[name][seccomp.ARCHITECTURES[machine].column]
    assert found is not None
    return found


@pytest.mark.parametrize("machine", MACHINES)
def test_numbers_are_those_of_the_kernel_headers(machine: str) -> None:
    header = HEADERS[machine]
    if not header.is_file():
        pytest.skip(f"no {header} here")
    known = {name: int(n) for name, n in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text())}
    column = seccomp.ARCHITECTURES[machine].column
    for name, numbers in seccomp.NUMBERS.items():
        if numbers[column] is None:
            assert name not in known, name
        else:
            assert known[name] == numbers[column], name
    assert known["seccomp"] == seccomp.ARCHITECTURES[machine].seccomp


@pytest.mark.parametrize("machine", MACHINES)
def test_what_is_not_named_is_refused(machine: str) -> None:
    program = seccomp.allowlist(machine, fork=True)
    named = {n[seccomp.ARCHITECTURES[machine].column] for n in seccomp.NUMBERS.values()}
    for nr in range(1000):
        if nr not in named:
            assert evaluate(program, nr, machine=machine) == EPERM, nr
    assert len(program) // 8 < 4096


@pytest.mark.parametrize("machine", MACHINES)
def test_arguments_decide(machine: str) -> None:
    program = seccomp.allowlist(machine, fork=True)

    def decide(name: str, *arguments: int) -> int:
        return evaluate(program, number(machine, name), arguments, machine=machine)

    assert decide("mmap", 0, 4096, 3) == ALLOW
    assert decide("mmap", 0, 4096, 7) == EPERM
    assert decide("mmap", 0, 4096, 4) == EPERM
    assert decide("mprotect", 0, 4096, 1) == ALLOW
    assert decide("mprotect", 0, 4096, 5) == EPERM
    assert decide("sendto", 3, 1, 1, 0, 0, 0) == ALLOW
    assert decide("sendto", 3, 1, 1, 0, 1, 0) == EPERM
    assert decide("sendto", 3, 1, 1, 0, 1 << 40, 0) == EPERM
    assert decide("clone", seccomp.FORK_FLAGS) == ALLOW
    assert decide("clone", seccomp.FORK_FLAGS | 0x100) == EPERM
    assert decide("clone", seccomp.FORK_FLAGS | 1 << 33) == EPERM
    assert decide("clone", 17 | 0x10000000) == EPERM
    assert decide("prctl", 1, 9) == ALLOW
    assert decide("prctl", 1, 0) == EPERM
    assert decide("prctl", 38, 1) == EPERM
    for name in ("clone3", "openat2", "faccessat2"):
        assert decide(name) == ENOSYS
    assert (
        evaluate(
            seccomp.allowlist(machine, fork=False), number(machine, "clone"), (seccomp.FORK_FLAGS,), machine=machine
        )
        == EPERM
    )


@given(st.sampled_from(MACHINES), st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFFFFFFFF), st.booleans())
def test_foreign_architectures_are_killed(machine: str, nr: int, audit: int, guard: bool) -> None:
    program = seccomp.fork_filter(machine) if guard else seccomp.allowlist(machine, fork=True)
    if audit != seccomp.ARCHITECTURES[machine].audit:
        assert evaluate(program, nr, audit=audit) == KILL


def test_x32_numbers_are_killed() -> None:
    for nr in (0x40000000, 0x40000000 + 39, 0xFFFFFFFF):
        assert evaluate(seccomp.allowlist("x86_64", fork=True), nr, machine="x86_64") == KILL


@pytest.mark.parametrize("machine", MACHINES)
def test_the_gate_asks_about_clone_and_nothing_else(machine: str) -> None:
    program = seccomp.fork_filter(machine)
    for nr in range(600):
        expected = NOTIFY if nr == number(machine, "clone") else ALLOW
        assert evaluate(program, nr, machine=machine) == expected


FILTERED = """
import sys
from understudy.sandbox.inside import lockdown, seccomp
import os
lockdown.give_up_privileges()
machine = os.uname().machine
if sys.argv[1] == "listener":
    # A container whose own filter has a listener already. It asks about a call that nobody makes.
    guard = seccomp.fork_filter(machine).replace(
        seccomp._instruction(seccomp._JUMP_EQ, seccomp.NUMBERS["clone"][seccomp.ARCHITECTURES[machine].column], 0, 1),
        seccomp._instruction(seccomp._JUMP_EQ, 499, 0, 1))
    assert seccomp.install(guard, listener=True) > 0
else:
    # A container that refuses namespaces and has some filter, as all of them do.
    program = b"".join([*seccomp._prologue(seccomp.ARCHITECTURES[machine]),
        *seccomp._block(272 if machine == "x86_64" else 97, (), seccomp.RET_ERRNO | 1),
        *seccomp._block(308 if machine == "x86_64" else 268, (), seccomp.RET_ERRNO | 1),
        *seccomp._block(435, (), seccomp.RET_ERRNO | 38),
        seccomp._instruction(seccomp._RETURN, seccomp.RET_ALLOW)])
    seccomp.install(program)
from understudy.sandbox import Sandbox
with Sandbox(preload=()) as sandbox:
    with sandbox.episode() as episode:
        episode.run("x = 1")
        executions = episode.branch(["x + 1", "x + 2", "x = 7"])
        print([e.value for e in executions], episode.commit(executions[2]).status.value, episode.run("x").value)
        print(sandbox.report().missing, episode.run("import random\\nrandom._os.fork()").error_name)
"""


@pytest.mark.parametrize("kind", ["filter", "listener"])
def test_works_under_the_filters_of_a_container(kind: str) -> None:
    """No namespaces, no capabilities, filters already there; without a listener of our own branches are made by
    replay.
    """
    if platform.machine() not in MACHINES:
        pytest.skip("no table for this machine")
    done = subprocess.run(
        [sys.executable, "-c", FILTERED, kind], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.splitlines() == ["['2', '3', None] ok 7", "() PermissionError"], done.stderr
