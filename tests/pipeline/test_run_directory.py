from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WITHOUT_LOCKS = """
import sys
from pathlib import Path
from tests.retrieval.without_locks import forbid_locks
from understudy.pipeline.run_directory import RunDirectory

forbid_locks(Path(sys.argv[1]))
with RunDirectory(Path(sys.argv[1]) / "run").locked():
    print("held")
"""


def test_a_run_continues_if_files_cannot_be_locked_and_says_so(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_LOCKS, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, "held\n"), done.stderr
    assert f"{tmp_path / 'run'}: this file system has no locks" in done.stderr
