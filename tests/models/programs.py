"""Programs that stand in for models in the processes of these tests."""

from __future__ import annotations

from understudy.models import Request


def shout(request: Request) -> str:
    """What was said last, louder."""
    return request.messages[-1].content.upper()
