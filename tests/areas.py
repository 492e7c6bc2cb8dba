"""What is printed after the tests: how long those of each area took, and which were skipped for which reason.

In: pytest's reports, also those of several workers. Out: two sections of the terminal's summary. An area is the folder
under ``tests`` that a test is in.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import pytest


class AreaSummary:
    """A plugin of pytest. It prints nothing if all tests are of one area."""

    def __init__(self) -> None:
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._tests: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        area = area_of(report.nodeid)
        self._seconds[area] += report.duration
        self._tests[area] += report.when == "call" and (not report.skipped or hasattr(report, "wasxfail"))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if len(self._seconds) < 2:
            return
        terminalreporter.section("seconds of each area")
        for area, seconds in sorted(self._seconds.items(), key=lambda pair: -pair[1]):
            terminalreporter.write_line(f"{seconds:8.1f} s  {area}  ({self._tests[area]} tests)")
        terminalreporter.write_line(f"{sum(self._seconds.values()):8.1f} s  all  ({self._tests.total()} tests)")
        skipped = terminalreporter.stats.get("skipped", [])
        if skipped:
            terminalreporter.section("skipped tests, by reason")
        for line in skipped_lines(skipped):
            terminalreporter.write_line(line)


def area_of(nodeid: str) -> str:
    """The area of a test or of a file of tests."""
    folders = Path(nodeid.partition("::")[0]).parent.parts
    return folders[1] if len(folders) > 1 else "(top level)"


def skipped_lines(reports: list[pytest.TestReport | pytest.CollectReport]) -> list[str]:
    """A line for each reason, the most frequent first. A file that is skipped as a whole counts as one file."""
    numbers: defaultdict[str, Counter[str]] = defaultdict(Counter)
    areas: defaultdict[str, set[str]] = defaultdict(set)
    for report in reports:
        reason = _reason(report)
        numbers[reason]["test" if isinstance(report, pytest.TestReport) else "file"] += 1
        areas[reason].add(area_of(report.nodeid))
    lines = []
    for reason, number in sorted(numbers.items(), key=lambda pair: (-pair[1].total(), pair[0])):
        counts = ", ".join(f"{n} {what}{'s' if n > 1 else ''}" for what, n in number.items())
        lines.append(f"{counts:>12}  {reason}  ({', '.join(sorted(areas[reason]))})")
    return lines


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    said = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return " ".join(said.removeprefix("Skipped: ").split())
