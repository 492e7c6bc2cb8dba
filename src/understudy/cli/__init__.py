"""The command line. Not here: any work; each verb hands typed values to a room."""

from understudy.cli.app import main

__all__ = ["main"]
