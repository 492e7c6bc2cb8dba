"""The command line. Not here: any work; each command passes typed values to a package."""

from understudy.cli.app import main

__all__ = ["main"]
