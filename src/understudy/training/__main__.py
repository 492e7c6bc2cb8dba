"""``python -m understudy.training FOLDER``: one training in its own process.

In: ``FOLDER/job.json``. Out: the files of the training; if it fails, also ``failure.json``, and the traceback on
standard error. With ``--end-with-input`` the process ends when its standard input does, so that a pipeline that is
killed leaves no training behind. ``accelerate launch -m understudy.training FOLDER`` trains on several GPUs.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from understudy.training.jobs import END_WITH_INPUT, read_job, write_failure


def main(folder: Path) -> None:
    """Run the job of a folder. Raises what that training raises."""
    try:
        read_job(folder).run(folder)
    except Exception as error:
        write_failure(folder, error)
        raise


def _end_with_input() -> None:
    while os.read(0, 4096):  # not sys.stdin, whose lock this thread would hold when the interpreter ends
        pass
    os._exit(1)


if __name__ == "__main__":
    if END_WITH_INPUT in sys.argv:
        threading.Thread(target=_end_with_input, daemon=True).start()
    try:
        main(Path(sys.argv[1]))
    except KeyboardInterrupt:
        sys.exit(130)  # the pipeline says what is kept
