"""Spans of OpenTelemetry, in all containers that exporters write.

In: OTLP's JSON (``resourceSpans``), spans as the SDK prints them (``attributes`` as an object), or rows of a table with
``attributes``. Out: the attributes, name and trace of each span. Not here: the meaning of the attributes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from understudy.curation.traces.node import Node

_KINDS = ("stringValue", "intValue", "doubleValue", "boolValue")


@dataclass(frozen=True, slots=True)
class Span:
    """One span."""

    name: str
    attributes: Node
    """An object."""
    trace_id: str
    failed: bool
    event_names: frozenset[str] = frozenset()


def spans_of(value: object) -> Iterator[Span]:
    """The spans of a row; empty if it contains no spans. Raises ``TraceError`` for a span of another shape."""
    row = Node(value)
    if not row.is_object:
        return
    if "resourceSpans" in row.mapping() or "scopeSpans" in row.mapping():
        for resource in row["resourceSpans"] if row["resourceSpans"] else [row]:
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    yield _span(span)
    elif row.has("attributes"):
        yield _span(row)


def _span(span: Node) -> Span:
    held = span["attributes"].opened()
    pairs = held.is_list
    attributes = {one["key"].text(): _value(one["value"]) for one in held} if pairs else held.mapping()
    context = span["context"] if span["context"].is_object else span
    status = span["status"]
    code = status.any_of("status_code", "code").value if status.is_object else status.value
    return Span(
        name=span["name"].text(""),
        attributes=Node(attributes, "attributes"),
        trace_id=context.any_of("trace_id", "traceId").text(""),
        failed=str(code).removeprefix("STATUS_CODE_").upper() in ("ERROR", "2"),
        event_names=frozenset(event["name"].text("") for event in span["events"] if event.is_object),
    )


def _value(value: Node) -> object:
    """A value of OTLP's JSON as a plain one."""
    for kind in _KINDS:
        if value[kind].value is not None:
            held = value[kind].value
            return int(held) if kind == "intValue" and isinstance(held, str) else held
    if value["arrayValue"]:
        return [_value(one) for one in value["arrayValue"]["values"]]
    if value["kvlistValue"]:
        return {one["key"].text(): _value(one["value"]) for one in value["kvlistValue"]["values"]}
    return None
