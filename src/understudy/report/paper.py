"""The paper's table of averages, for comparing our figures with the paper's.

Source: Kang et al., *Distilling LLM Agent into Small Models with Retrieval and Code Tools*, NeurIPS 2025
(arXiv 2505.17612): unweighted average of eight accuracies, Qwen2.5-Instruct, single runs without intervals. The
figures were taken from third-party reading notes that agree with one another.
"""

from __future__ import annotations

from enum import StrEnum

TEACHER_SIZE = "32B"
N_BENCHMARKS = 8
"""Number of accuracies in the mean of each figure."""


class PaperMethod(StrEnum):
    """A column of the table."""

    COT_PROMPT = "cot_prompt"
    COT_DISTIL = "cot_distil"
    COT_DISTIL_RAG = "cot_distil_rag"
    AGENT_PROMPT = "agent_prompt"
    AGENT_DISTIL = "agent_distil"
    AGENT_DISTIL_FTP = "agent_distil_ftp"
    AGENT_DISTIL_SAG = "agent_distil_sag"
    AGENT_DISTIL_FTP_SAG = "agent_distil_ftp_sag"

    @property
    def heading(self) -> str:
        """The heading of the column in the table."""
        return _HEADINGS[self]


_METHODS = tuple(PaperMethod)
_HEADINGS = dict(
    zip(
        _METHODS,
        ("CoT prompt", "CoT distil", "+ RAG", "agent prompt", "agent distil", "+ FTP", "+ SAG", "+ both"),
        strict=True,
    )
)
_PERCENT: dict[str, tuple[float | None, ...]] = {
    "32B": (39.54, None, None, 46.00, None, None, None, None),
    "7B": (33.19, 33.54, 32.16, 36.54, 39.85, 42.26, 41.86, 42.68),
    "3B": (29.27, 27.72, 28.53, 21.20, 33.60, 34.49, 33.50, 36.60),
    "1.5B": (20.33, 21.28, 24.64, 7.94, 28.06, 29.11, 30.29, 30.55),
    "0.5B": (11.06, 13.64, 15.90, 1.80, 19.24, 19.99, 20.01, 21.90),
}
"""Size of the model → one figure per method, in the order of ``PaperMethod``."""


def paper_differences(one: PaperMethod, other: PaperMethod) -> tuple[float, ...]:
    """How much higher the first method's average is than the second's, at each size of student, in [-1, 1]."""
    sizes = [size for size in _PERCENT if size != TEACHER_SIZE]
    return tuple(paper_figure(size, one) - paper_figure(size, other) for size in sizes)


def paper_figure(size: str, method: PaperMethod) -> float:
    """Return the paper's average accuracy in [0, 1]. Raises ``ValueError`` if its table has no such cell."""
    row = _PERCENT.get(size)
    if row is None:
        raise ValueError(f"size: expected one of {', '.join(_PERCENT)}, got {size!r}")
    percent = row[_METHODS.index(method)]
    if percent is None:
        known = ", ".join(name for name, value in zip(_METHODS, row, strict=True) if value is not None)
        raise ValueError(f"method: the paper's table has {known} at {size}, not {method}")
    return percent / 100
