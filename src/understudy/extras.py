"""Optional packages: what is missing is named with the line that installs it.

In: modules that some work needs, and the extra of this package that brings them. Out: ``MissingExtraError`` or nothing.
Ask before any work begins, not where the module is imported. Not here: what the extras hold (``pyproject.toml``).
"""

from __future__ import annotations

import importlib.util


class MissingExtraError(ImportError):
    """A package that is optional is needed and not installed; the message says how to install it."""


def require(modules: str | tuple[str, ...], extra: str, purpose: str) -> None:
    """Raise ``MissingExtraError`` where one of the modules is not installed.

    ``purpose``: what needs them, as the beginning of a sentence, such as ``the viewer``.
    """
    names = (modules,) if isinstance(modules, str) else modules
    missing = [name for name in names if not is_installed(name)]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise MissingExtraError(
            f"{purpose} needs {', '.join(missing)}, which {verb} not installed: pip install 'understudy[{extra}]'"
        )


def is_installed(module: str) -> bool:
    """Whether a top-level module can be imported, without importing it."""
    try:
        return importlib.util.find_spec(module) is not None
    except ValueError:  # sys.modules holds None for it: it is blocked
        return False
