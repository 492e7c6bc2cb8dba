"""``python -m understudy.training FOLDER``: one training as a process of its own.

In: ``FOLDER/order.json``. Out: what the training writes there. With ``--end-with-input`` the process ends when its
standard input does, so a walk that is killed leaves no training behind.
``accelerate launch -m understudy.training FOLDER`` trains on several GPUs.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from understudy.training.order import END_WITH_INPUT, read_order


def main(folder: Path) -> None:
    """Do the training that was ordered. Raises what that training raises."""
    read_order(folder).carry_out(folder)


def _end_with_input() -> None:
    while os.read(0, 4096):  # not sys.stdin, whose lock this thread would hold when the interpreter ends
        pass
    os._exit(1)


if __name__ == "__main__":
    if END_WITH_INPUT in sys.argv:
        threading.Thread(target=_end_with_input, daemon=True).start()
    main(Path(sys.argv[1]))
