"""Counters of a served agent, in Prometheus' text format. Safe from many threads."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping

from understudy.records import ConversationEnd, Step, StopReason

_BUCKETS_S = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)
Labels = tuple[tuple[str, str], ...]
_ABOUT = {
    "understudy_turns_total": "Turns that have ended, by their end.",
    "understudy_steps_total": "Finished steps.",
    "understudy_parse_problems_total": "Steps whose reply led to no action.",
    "understudy_deferrals_total": "Turns in which a cascade's teacher took over.",
    "understudy_tool_calls_total": "Calls of tools, by tool and result.",
    "understudy_tokens_total": "Tokens of the agent's model, by kind.",
    "understudy_conversations_ended_total": "Conversations that have ended, by reason.",
    "understudy_requests_total": "Answered HTTP requests, by status.",
}


class Metrics:
    """Counts what happens."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, Labels]] = Counter()
        self._seconds = [0] * (len(_BUCKETS_S) + 1)
        self._sum_s = 0.0

    def count_request(self, status: int) -> None:
        """A request was answered."""
        self._add("understudy_requests_total", 1, status=str(status))

    def count_conversation(self, end: ConversationEnd) -> None:
        """A conversation has ended."""
        self._add("understudy_conversations_ended_total", 1, end=end.value)

    def count_turn(self, stop_reason: StopReason, seconds: float) -> None:
        """A turn has ended."""
        self._add("understudy_turns_total", 1, stop_reason=stop_reason.value)
        with self._lock:
            self._seconds[sum(seconds > bound for bound in _BUCKETS_S)] += 1
            self._sum_s += seconds

    def count_deferral(self) -> None:
        """A cascade's teacher took over."""
        self._add("understudy_deferrals_total", 1)

    def count_step(self, step: Step) -> None:
        """A step has ended."""
        self._add("understudy_steps_total", 1)
        if step.parse_problem is not None:
            self._add("understudy_parse_problems_total", 1, problem=step.parse_problem.value)
        for call in step.tool_calls:
            self._add("understudy_tool_calls_total", 1, tool=call.name, result="error" if call.error else "ok")
        self._add("understudy_tokens_total", step.usage.prompt_tokens, kind="prompt")
        self._add("understudy_tokens_total", step.usage.completion_tokens, kind="completion")

    def text(self, gauges: Mapping[str, float]) -> str:
        """All figures. ``gauges``: values of now."""
        with self._lock:
            counts, seconds, sum_s = dict(self._counts), list(self._seconds), self._sum_s
        lines = []
        for name, about in _ABOUT.items():
            lines += [f"# HELP {name} {about}", f"# TYPE {name} counter"]
            lines += [f"{name}{_written(labels)} {n}" for (kind, labels), n in sorted(counts.items()) if kind == name]
        for name, value in gauges.items():
            lines += [f"# TYPE {name} gauge", f"{name} {value:g}"]
        lines += _histogram("understudy_turn_seconds", seconds, sum_s)
        return "\n".join(lines) + "\n"

    def _add(self, name: str, n: int, **labels: str) -> None:
        with self._lock:
            self._counts[name, tuple(sorted(labels.items()))] += n


def _histogram(name: str, counts: list[int], total: float) -> list[str]:
    lines = [f"# HELP {name} Seconds of turns.", f"# TYPE {name} histogram"]
    so_far = 0
    for bound, count in zip([*map(str, _BUCKETS_S), "+Inf"], counts, strict=True):
        so_far += count
        lines.append(f'{name}_bucket{{le="{bound}"}} {so_far}')
    return [*lines, f"{name}_sum {total:.6f}", f"{name}_count {so_far}"]


def _written(labels: Labels) -> str:
    if not labels:
        return ""
    escaped = (f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels)
    return "{" + ",".join(escaped) + "}"


_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
