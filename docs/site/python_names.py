"""The reference of the Python API. In: the names that the package promises. Out: a page for mkdocstrings."""

from __future__ import annotations

import understudy


def python_page() -> str:
    """One heading for each promised name; mkdocstrings fills in signatures and docstrings."""
    parts = [
        "# Python",
        "The names of the package `understudy`, made from the code. They are the package's promise; everything else "
        "may change. `examples/distil.py` and the how-to pages show them at work.",
    ]
    for name in understudy.__all__:
        found = getattr(understudy, name)
        parts.append(f"::: {found.__module__}.{name}\n    options:\n      heading_level: 2")
    return "\n\n".join(parts) + "\n"
