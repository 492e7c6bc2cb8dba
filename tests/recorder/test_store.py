"""The folder of log lines: compression, its bound, and what a start makes of what a kill has left."""

from __future__ import annotations

import contextlib
import gzip
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.recorder.conftest import Start
from understudy.curation import ImportConfig, import_trajectories
from understudy.recorder import Store

SEGMENT = 2_000
WRITER = """
import os, signal, sys, time
from pathlib import Path
from tests.recorder.test_store import line
from understudy.recorder import Store
{fault}
store = Store(Path(sys.argv[1]), max_bytes=10**9, segment_bytes={segment})
for number in range(10_000):
    store.append(line(number))
    print(number, flush=True)
"""
TORN_LINE = """
import os, signal
write, calls = os.write, []
def torn(file, data):
    calls.extend([file] * (bytes(data[:11]) == b'{"recorder"'))
    if len(calls) < 5:
        return write(file, data)
    write(file, data[: len(data) // 2])
    os.kill(os.getpid(), signal.SIGKILL)
os.write = torn
"""
STOPPED_COMPRESSION = """
import shutil
def half(plain, packed, *_):
    packed.write(plain.read(100))
    packed.flush()
    os.kill(os.getpid(), signal.SIGKILL)
shutil.copyfileobj = half
"""
BOTH_FILES = """
unlink = Path.unlink
def killed(path, *_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
Path.unlink = killed
"""


def line(number: int) -> bytes:
    message = {"role": "user", "content": f"n{number} " + "x" * 350}
    reply = {"choices": [{"message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}]}
    row = {"recorder": 1, "id": str(number), "request": {"messages": [message]}, "response": reply, "status": 200}
    return json.dumps(row).encode() + b"\n"


def rows(folder: Path) -> list[dict[str, Any]]:
    texts = [path.read_bytes() for path in sorted(folder.glob("exchanges-*.jsonl"))]
    texts += [gzip.decompress(path.read_bytes()) for path in folder.glob("exchanges-*.jsonl.gz")]
    return sorted((json.loads(one) for text in texts for one in text.splitlines()), key=lambda row: int(row["id"]))


def written_until_killed(folder: Path, fault: str, segment: int = SEGMENT) -> int:
    """How many lines a writer was told are stored before it was killed."""
    code = WRITER.format(fault=fault, segment=segment)
    command = [sys.executable, "-c", code, str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    return len(ended.stdout.splitlines())


def test_full_files_are_compressed_and_every_line_stays_readable(tmp_path: Path) -> None:
    with Store(tmp_path, max_bytes=10**9, segment_bytes=SEGMENT) as store:
        for number in range(40):
            store.append(line(number))
    assert len(list(tmp_path.glob("*.gz"))) == 10
    assert [row["id"] for row in rows(tmp_path)] == [str(number) for number in range(40)]
    assert store.n_bytes == sum(path.stat().st_size for path in tmp_path.glob("exchanges-*"))
    report = import_trajectories(ImportConfig(path=tmp_path)).report
    assert (report.conversations, report.refused) == (40, {})


def test_the_bound_counts_compressed_sizes_also_after_a_restart(tmp_path: Path) -> None:
    bound, plain = 8_000, sum(len(line(number)) for number in range(40))
    assert plain > 2 * bound
    with Store(tmp_path, max_bytes=bound, segment_bytes=SEGMENT) as store:
        for number in range(40):
            store.append(line(number))
            if number % 4 == 3:  # so many lines fill a file
                _until_compressed(tmp_path)
        assert store.n_bytes <= bound
    with Store(tmp_path, max_bytes=bound, segment_bytes=SEGMENT) as store:
        assert store.n_bytes == sum(path.stat().st_size for path in tmp_path.glob("exchanges-*"))
    full = Store(tmp_path, max_bytes=store.n_bytes + 10, segment_bytes=SEGMENT)
    with full, pytest.raises(OSError, match="has reached its limit"):
        full.append(line(41))
    assert len(rows(tmp_path)) == 40


def _until_compressed(folder: Path) -> None:
    for _ in range(1000):
        if not list(folder.glob("exchanges-*.jsonl")):
            return
        threading.Event().wait(0.01)
    raise TimeoutError(str(list(folder.iterdir())))


def test_a_line_that_a_kill_cut_is_removed_at_the_next_start_and_it_is_said(tmp_path: Path) -> None:
    assert written_until_killed(tmp_path, TORN_LINE, segment=10**6) == 4
    (path,) = tmp_path.glob("exchanges-*")
    assert not path.read_bytes().endswith(b"\n")
    with Store(tmp_path, max_bytes=10**9) as store:
        (said,) = store.repairs
        assert f"{path}: the last {len(line(4)) // 2} bytes" in said
        store.append(line(4))
    assert [row["id"] for row in rows(tmp_path)] == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("fault", "said"),
    [(STOPPED_COMPRESSION, "a compression that a kill had stopped"), (BOTH_FILES, "removed; its lines")],
)
def test_a_kill_during_compression_loses_and_doubles_nothing(tmp_path: Path, fault: str, said: str) -> None:
    n_told = written_until_killed(tmp_path, fault)
    with Store(tmp_path, max_bytes=10**9, segment_bytes=SEGMENT) as store:
        assert any(said in one for one in store.repairs), store.repairs
        assert store.n_bytes == sum(path.stat().st_size for path in tmp_path.glob("exchanges-*"))
    found = [int(row["id"]) for row in rows(tmp_path)]
    assert found == list(range(len(found)))
    assert n_told <= len(found) <= n_told + 1


def test_a_recorder_that_is_killed_in_the_middle_of_a_line_starts_again(start: Start) -> None:
    recorder = start(preamble=TORN_LINE)
    asked, answered = [f"n{number}" for number in range(5)], []
    for text in asked:
        body = {"model": "m", "messages": [{"role": "user", "content": text}]}
        with contextlib.suppress(httpx.HTTPError):
            httpx.post(f"{recorder.url}/v1/chat/completions", json=body, timeout=60)
            answered.append(text)
    assert answered == asked[:4], "the answer whose line is torn never went out"
    again = start()
    body = {"model": "m", "messages": [{"role": "user", "content": "again"}]}
    assert httpx.post(f"{again.url}/v1/chat/completions", json=body, timeout=60).status_code == 200
    said = again.stop()
    assert "a line that a kill had cut, were removed" in said
    found = import_trajectories(ImportConfig(path=again.folder))
    assert [one.task.question for one, _ in found.attempts] == [*answered, "again"]
    assert found.report.refused == {}


def test_a_file_with_a_complete_end_needs_no_repair(tmp_path: Path) -> None:
    for _ in range(2):
        with Store(tmp_path, max_bytes=10**9, segment_bytes=SEGMENT) as store:
            assert store.repairs == ()
            for number in range(12):
                store.append(line(number))
