"""Lines of request logs: ``{request, response}`` and further fields, for all protocols.

In: a row. Out: request, response, the conversation's name, and feedback on it. Such lines are written by ``understudy
record``, and by other software as ``{request, response, workload_id, client_id, timestamp}``. Not here: the content of
a request.
"""

from __future__ import annotations

from dataclasses import dataclass

from understudy.curation.importing.foreign import verdict
from understudy.curation.traces.conversation import Feedback
from understudy.curation.traces.node import Node, short
from understudy.curation.traces.refusals import RefusalReason, TraceError
from understudy.datafiles import texts

_REFERENCE = ("true_answer", "answer", "reference")
_NAME = ("conversation", "conversation_id", "session_id", "thread_id")


@dataclass(frozen=True, slots=True)
class LogLine:
    """One request and its reply."""

    request: Node
    response: Node
    row: Node


def is_log_line(value: object) -> bool:
    """Whether a row is a line of such a log. Feedback is not: it has no request."""
    return isinstance(value, dict) and "request" in value and ("response" in value or "status" in value)


def request_and_response(value: object) -> tuple[Node, Node]:
    """Both bodies of a line. An answer that was cut off remains text.

    Raises ``TraceError`` for a request that is not JSON.
    """
    row = Node(value)
    try:
        response = row["response"].opened()
    except TraceError:
        response = row["response"]
    # Some loggers keep bodies as JSON text, or one level deeper.
    return _body(row["request"].opened()), _body(response)


def log_line(value: object) -> LogLine:
    """Parse a line. Raises ``TraceError`` for a reply that is an error, or that was cut off."""
    row = Node(value)
    request, response = request_and_response(value)
    status = row["status"].count()
    failed = response["error"] if response.is_object else Node(None)
    if status >= 400 or failed or row["error"]:
        what = failed.value or row["error"].value or f"status {status}"
        raise TraceError(RefusalReason.PROVIDER_ERROR, f"response: expected a reply, got {short(what)}")
    if row["complete"].value is False:
        raise TraceError(RefusalReason.UNFINISHED, "complete: the connection ended before the reply was complete")
    if not response.is_object:
        raise response.error("a reply")
    return LogLine(request, response, row)


def name_of(row: Node) -> str:
    """The log's name for the conversation; empty if there is none."""
    held = row["metadata"]
    found = row.any_of(*_NAME)
    return found.text("") if found.is_text else held.any_of(*_NAME).text("") if held.is_object else ""


def references_of(row: Node) -> tuple[str, ...]:
    """The reference answer and other spellings. Raises ``TraceError`` for another value."""
    held = row.any_of(*_REFERENCE)
    found = texts(held.value)
    if found is None:
        raise held.error("a string, a number or a list of these")
    return found


def score_of(row: Node) -> float | None:
    """A score from 0 to 1, as ``score``, ``reward`` or ``correct``; None if there is none. Raises a pydantic error."""
    return verdict(row.any_of("score", "reward", "correct").value)


def is_feedback(value: object) -> bool:
    """Whether a row is feedback that the recorder wrote."""
    return isinstance(value, dict) and isinstance(value.get("feedback"), dict)


def is_shadow(value: object) -> bool:
    """Whether a row is the reply of a second model, which the recorder asked beside the real one."""
    return isinstance(value, dict) and isinstance(value.get("shadow_of"), str)


def feedback_of(value: object) -> Feedback:
    """Feedback on a conversation. Raises a pydantic error for an invalid score."""
    row = Node(value)
    said = row["feedback"]
    return Feedback(
        place="",
        conversation=row["conversation"].text(""),
        response_id=row["response_id"].text(""),
        score=score_of(said),
        reference=references_of(said),
        comment=said["comment"].text(""),
    )


def _body(node: Node) -> Node:
    return node["body"].opened() if node.has("body") else node
