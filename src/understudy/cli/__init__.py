"""The command line. Not here: any work; each command passes typed values to a package."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line. Importing it may take a second; Ctrl-C during the import is not an error either."""
    ctrl_c = None
    try:
        from understudy.cli.interrupts import CtrlC

        ctrl_c = CtrlC()
        from understudy.cli.app import main as run

        ctrl_c.has_commands = True
        run()
    except KeyboardInterrupt:
        if ctrl_c is None:
            sys.stderr.write("\nStopped before any work began.\n")
            sys.exit(130)
        ctrl_c.end()
    except SystemExit as end:
        if end.code == 130 and ctrl_c is not None:  # typer makes this of Ctrl-C
            ctrl_c.end()
        raise


__all__ = ["main"]
