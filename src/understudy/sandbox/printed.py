"""What an action has printed so far, as the host keeps it: whatever a process claims, never more than the limit."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Printed:
    """Text that has come so far, within the limit."""

    limit: int
    parts: list[str] = field(default_factory=list)
    n_chars: int = 0
    dropped: int = 0

    def add(self, text: str) -> None:
        """Keep what fits, count the rest."""
        kept = text[: max(0, self.limit - self.n_chars)]
        self.n_chars += len(kept)
        self.dropped += len(text) - len(kept)
        if kept:
            self.parts.append(kept)
