"""The command line. Not here: any work; each verb hands typed values to a package."""

from understudy.cli.app import main

__all__ = ["main"]
