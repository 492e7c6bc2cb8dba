"""A trajectory that attacks whoever shows it: markup, terminal sequences, characters that turn the text around."""

from __future__ import annotations

from understudy.records import (
    ExecutionStatus,
    Message,
    Role,
    Step,
    StopReason,
    Task,
    TaskKind,
    ToolCall,
    Trajectory,
)

SCRIPT = "</script><script>window.pwned = 1</script><img src=x onerror='window.pwned=1'>"
ANSI = "\x1b[31mred\x1b[0m\x1b]0;title\x07\x1b[2J\x9b31m"
MARKUP = "[bold red]not bold[/] [link=http://example.invalid]no link[/link] [/nothing] :skull:"
BIDI = "safe \u202egnp.exe\u202c \u2066isolated\u2069 \u200fright\u200e zero\u200bwidth"
TEMPLATE = "{{ 7 * 7 }} ${window.pwned=1} %%DATA%% %%SCRIPT%% <!-- --> ]]> &lt;b&gt; \u2028 \u2029 \x00"
HUGE = "A" * 60_000
ALL = "\n".join((SCRIPT, ANSI, MARKUP, BIDI, TEMPLATE))


def hostile_trajectory() -> Trajectory:
    """Every text field that a model, a passage or a data set can fill is an attack."""
    task = Task(
        id=f"hostile <b>'\"&#/?{SCRIPT}", question=ALL, answer=SCRIPT, kind=TaskKind.FACT, source="hotpotqa", type=ALL
    )
    messages = (
        Message(role=Role.SYSTEM, content=ALL),
        Message(role=Role.USER, content=ALL),
        Message(
            role=Role.ASSISTANT, content=f"Thought: {ALL}\nCode:\n```py\nx = '''{ALL}'''\n# {SCRIPT}\n```<end_code>"
        ),
        Message(role=Role.USER, content=f"Observation:\n{ALL}\n{HUGE}\n" + "line\n" * 3000),
        Message(role=Role.ASSISTANT, content=f"{SCRIPT}\n```py\n```py\n{HUGE}"),
    )
    call = ToolCall(name=f"web_search{SCRIPT}", arguments=ALL, error=ALL)
    steps = (
        Step(message_index=2, execution_status=ExecutionStatus.ERROR, error_name=SCRIPT, tool_calls=(call,)),
        Step(message_index=4, execution_status=ExecutionStatus.OK, is_final=True, prefilled_chars=5, cut_at=SCRIPT),
    )
    return Trajectory(
        task=task,
        agent=MARKUP,
        model=SCRIPT,
        seed=1,
        messages=messages,
        steps=steps,
        stop_reason=StopReason.ANSWERED,
        answer=ALL,
    )
