"""The host's side of the line holds against anything that can be sent on it."""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sandbox.escapes import PRELUDE
from understudy.records import ExecutionStatus
from understudy.sandbox import HostFunction, Limits, Sandbox
from understudy.sandbox.action import Action, ActionSettings, Phase
from understudy.sandbox.broker import ImportBroker
from understudy.sandbox.calls import Calls
from understudy.sandbox.channel import Channel
from understudy.sandbox.inside.frames import Assembler, FrameError, decode_value, encode_value, pack
from understudy.sandbox.process import Process

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=4)
        | st.tuples(inner, inner)
        | st.sets(st.integers(), max_size=4)
        | st.frozensets(st.text(), max_size=4)
    ),
    max_leaves=20,
)


@given(plain)
def test_values_come_back_as_they_went(value: object) -> None:
    form = json.loads(json.dumps(encode_value(value)))
    back = decode_value(form)
    assert back == value
    assert type(back) is type(value)


@given(st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3), max_size=5), st.integers(1, 7))
def test_frames_survive_being_cut_anywhere(bodies: list[dict[str, str]], step: int) -> None:
    frames = [{**body, "t": "x"} for body in bodies]
    stream = b"".join(pack(frame) for frame in frames)  # type: ignore[arg-type]
    assembler = Assembler(1 << 16)
    found = []
    for at in range(0, len(stream), step):
        assembler.feed(stream[at : at + step])
        found += list(assembler.frames())
    assert found == frames


tags = st.sampled_from(["int", "set", "dict", "tuple", "bytes", "float", "x"])
forms = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(tags, inner, min_size=1, max_size=2),
    max_leaves=10,
)


@given(forms)
def test_forms_decode_or_are_refused(form: object) -> None:
    with contextlib.suppress(FrameError):
        decode_value(form)


def test_deep_and_colliding_values_are_refused() -> None:
    deep: object = 1
    for _ in range(100):
        deep = [deep]
    with pytest.raises(FrameError):
        decode_value(deep)
    with pytest.raises(FrameError):
        decode_value({"set": [{"int": hex(i * ((1 << 61) - 1))} for i in range(5000)]})
    with pytest.raises(TypeError):
        encode_value(deep)
    with pytest.raises(TypeError):
        encode_value(object())


def test_a_frame_over_the_limit_is_refused_before_it_is_read() -> None:
    assembler = Assembler(100)
    assembler.feed(b"\x00\x00\x01\x00")
    with pytest.raises(FrameError, match="256 bytes"):
        list(assembler.frames())


def test_the_broker_serves_source_of_allowed_packages_only() -> None:
    broker = ImportBroker(frozenset(("sympy", "mpmath")))
    for name in ("json", "sympy.core.add", "mpmath", "collections.abc"):
        assert isinstance(broker.answer(name)["source"], str), name
    refused = (
        "understudy",
        "pydantic",
        "numpy",
        "..x",
        "json/../x",
        "json.",
        "",
        "os.path.x",
        "sympy.nothing",
        "_socket",
    )
    for name in (*refused, "math", None, 5, "a" * 1000, "json" + ".x" * 50, "json\x00"):
        assert broker.answer(name)["source"] is None, name


# --- fuzzing ----------------------------------------------------------------------------------

_SEEDS: tuple[dict[str, object], ...] = (
    {"t": "hello"},
    {"t": "out", "text": "printed"},
    {"t": "call", "name": "search", "args": ["q"], "kwargs": [["k", 3]]},
    {"t": "import", "name": "json"},
    {"t": "done", "number": 1, "status": "ok", "value": "1", "dropped": 0},
    {"t": "done", "number": 1, "status": "error", "name": "ValueError", "error": "x\n y", "dropped": 3},
    {"t": "branched", "n": 3},
)
_JUNK: tuple[object, ...] = (
    None,
    True,
    -1,
    10**30,
    1e308,
    "",
    "é\ud800",
    [],
    {},
    [[[]]],
    {"int": "zz"},
    {"set": [[1]]},
    "x" * 5000,
)


def mutate(rng: random.Random) -> bytes:
    """One frame: right, wrong in its fields, wrong in its bytes, or noise."""
    frame = dict(rng.choice(_SEEDS))
    kind = rng.randrange(6)
    if kind >= 1:
        key = rng.choice([*frame, "t", "extra"])
        frame[key] = rng.choice(_JUNK)
    if kind == 2:
        frame.pop(rng.choice(list(frame)), None)
    data = bytearray(pack(frame))
    if kind == 3:
        for _ in range(rng.randrange(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
    if kind == 4:
        del data[rng.randrange(len(data)) :]
    if kind == 5:
        data = bytearray(rng.randbytes(rng.randrange(1, 60)))
    return bytes(data)


def one_line(rng: random.Random, process: Process, broker: ImportBroker, executor: ThreadPoolExecutor) -> int:
    """Frames on a fresh line until the host has had enough. Returns how many were sent."""
    ours, theirs = socket.socketpair()
    calls = Calls({"search": HostFunction(lambda query, k=3: f"{query}{k}")})
    action = Action("1", ActionSettings(Limits(), broker, executor, is_guarded=True), calls, Channel(ours))
    action.number = 1
    action.begin(process)
    sent = 0
    theirs.setblocking(False)
    while action.phase is not Phase.ENDED and sent < 200:
        theirs.send(mutate(rng))
        sent += 1
        action.read()
        if action.phase is Phase.CALLING and action.call is not None:
            calls.answer(action.call, action.answered)
        with contextlib.suppress(BlockingIOError):
            theirs.recv(1 << 20)
    theirs.close()
    action.read()
    assert action.execution is not None
    assert action.execution.status in ExecutionStatus
    action.execution.printed.encode()
    action.channel.close()
    return sent


def test_the_late_end_of_one_action_is_not_the_end_of_the_next() -> None:
    ours, theirs = socket.socketpair()
    with ThreadPoolExecutor(1) as executor:
        settings = ActionSettings(Limits(), ImportBroker(frozenset()), executor, is_guarded=True)
        action = Action("1 + 1", settings, Calls({}), Channel(ours))
        action.begin(Harmless())
        end: dict[str, object] = {"t": "done", "status": "ok", "dropped": 0}
        for late in ({**end, "value": "59"}, {**end, "value": "59", "number": action.number - 1}):
            theirs.send(pack(late))
            action.read()
            assert action.phase is Phase.RUNNING
        theirs.send(pack({**end, "value": "2", "number": action.number}))
        action.read()
    assert action.execution is not None
    assert action.execution.value == "2"
    action.channel.close()
    theirs.close()


class Harmless(Process):
    """A process that is nobody: its signals go nowhere."""

    def __init__(self) -> None:
        self.pid = self.group = self.inner_pid = os.getpid()
        self._last_cpu_s = 0.0

    def signal(self, number: object) -> None:
        """Send nothing."""

    def death_signal(self) -> int | None:
        """Nobody died."""
        return 0


@pytest.mark.parametrize("n_frames", [5_000, pytest.param(100_000, marks=pytest.mark.slow)], ids=["some", "all"])
def test_random_and_mutated_frames_neither_crash_nor_hang_the_host(n_frames: int) -> None:
    rng, broker, sent = random.Random(n_frames), ImportBroker(frozenset()), 0
    with ThreadPoolExecutor(1) as executor:
        while sent < n_frames:
            sent += one_line(rng, Harmless(), broker, executor)


def test_fuzzing_from_inside(light_sandbox: Sandbox) -> None:
    rng = random.Random(1)
    for _ in range(40):
        noise = b"".join(mutate(rng) for _ in range(20))
        with light_sandbox.episode({"search": HostFunction(lambda query="", k=3: "x")}) as episode:
            episode.run("kept = 1\n" + PRELUDE)
            execution = episode.run(f"os.write(3, {noise!r})\nimport time\ntime.sleep(0.05)")
            assert execution.status in ExecutionStatus
            assert episode.run("kept").value == "1"


def test_a_frame_from_another_process_is_refused(light_sandbox: Sandbox) -> None:
    ours, theirs = socket.socketpair()
    channel = Channel(ours)
    theirs.send(pack({"t": "hello"}))
    assert [frame["t"] for frame in channel.receive()] == ["hello"]
    assert channel.pid == os.getpid()
    if (pid := os.fork()) == 0:
        theirs.send(pack({"t": "done"}))
        os._exit(0)
    os.waitpid(pid, 0)
    with pytest.raises(FrameError, match="sent on the channel"):
        list(channel.receive())
    channel.close()
    theirs.close()


def test_descriptors_are_not_accepted() -> None:
    ours, theirs = socket.socketpair()
    channel = Channel(ours)
    before = len(list(Path("/proc/self/fd").iterdir()))
    socket.send_fds(theirs, [pack({"t": "hello"})], [0, 1, 2])
    list(channel.receive())
    assert channel.descriptor is None
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    channel.close()
    theirs.close()
