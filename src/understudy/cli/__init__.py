"""The command line. Not here: any work; each command passes typed values to a package."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line. Importing it may take a second; Ctrl-C during the import is not an error either."""
    try:
        from understudy.cli.app import main as run
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped before any work began.\n")
        sys.exit(130)
    run()


__all__ = ["main"]
