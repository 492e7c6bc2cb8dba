"""One trajectory or example in the terminal.

In: records. Out: rich renderables that show all text that the model saw or wrote. Control sequences are stripped,
invisible characters and those that change the text direction are spelt out, and markup is not interpreted. Not here:
finding the record (``terminal``).
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.syntax import Syntax
from rich.text import Text

from understudy.agents.formats import ActionFormat, PartName, reply_parts
from understudy.records import Candidate, Example, Message, Score, Step, Trajectory, Usage
from understudy.report.data import Mask, Unit, Verdict
from understudy.report.masks import MaskMaker, call_text, format_of
from understudy.report.rows import step_error, verdict_of
from understudy.report.visible import plain, visible

_VERDICT_STYLES = {
    Verdict.RIGHT: "bold green",
    Verdict.WRONG: "bold red",
    Verdict.NOT_SCORED: "bold yellow",
    Verdict.FAILURE: "bold magenta",
}
_TRAINED_STYLES = ("black on bright_cyan", "black on bright_green")
"""Neighbouring tokens have alternating colours, so that one sees where each ends."""


def show_trajectory(trajectory: Trajectory, *scores: Score) -> RenderableType:
    """A trajectory: question, steps with their candidates, answer, and the graders' judgements."""
    steps = {step.message_index: (number, step) for number, step in enumerate(trajectory.steps, 1)}
    action_format = format_of(trajectory.action_format)
    parts: list[RenderableType] = [*_head(trajectory, scores)]
    for index, message in enumerate(trajectory.messages):
        if index in steps:
            number, step = steps[index]
            parts += [
                _rule(f"step {number} of {len(steps)}"),
                *_reply(message, step.prefilled_chars, action_format),
            ]
            parts += [_facts_of(step), *_candidates(step)]
        else:
            parts += [_rule(message.role.value, "dim"), plain(message.content, "dim")]
    return Group(*parts, _rule(""))


def show_example(example: Example, maker: MaskMaker) -> RenderableType:
    """A training example with the trained text in colour."""
    parts: list[RenderableType] = [_rule(f"example {visible(example.id)}")]
    for mask in maker.masks(example):
        parts.append(show_mask(mask))
    return Group(*parts, _rule(""))


def show_mask(mask: Mask) -> RenderableType:
    """A training sequence: trained text is coloured, the context is dim."""
    text = Text()
    n_trained = sum(weight > 0 for weight in mask.weights)
    for number, (piece, weight) in enumerate(zip(mask.texts, mask.weights, strict=True)):
        style = _TRAINED_STYLES[number % 2] if weight > 0 else "dim"
        text.append(visible(piece), style=f"{style} underline" if weight not in (0, 1) else style)
    if mask.unit is Unit.TOKENS:
        amount = f"{n_trained:,} of {len(mask.texts):,} tokens are learnt"
    else:
        learnt = sum(len(piece) for piece, weight in zip(mask.texts, mask.weights, strict=True) if weight > 0)
        amount = f"{learnt:,} of {sum(map(len, mask.texts)):,} characters are learnt"
    return Group(Text(f"{amount} (coloured); the rest is context (dim)", style="italic"), Text(), text)


def _head(trajectory: Trajectory, scores: tuple[Score, ...]) -> Iterator[RenderableType]:
    verdict = verdict_of(trajectory, scores)
    yield _rule(f"{visible(' + '.join(trajectory.task.set_names))} · {visible(trajectory.id)}")
    yield plain(trajectory.task.question, "bold")
    yield Text()
    yield Text.assemble(
        (verdict.value.replace("_", " ").upper(), _VERDICT_STYLES[verdict]),
        "  answered: ",
        plain(trajectory.answer if trajectory.answer is not None else "(nothing)", "bold"),
        "  reference: ",
        plain("(none)" if trajectory.task.answer is None else trajectory.task.answer, "bold"),
    )
    for score in scores:
        judgement = {True: "right", False: "wrong", None: "not judged"}[score.correct]
        yield Text.assemble((f"{score.grader}: {judgement}. ", "dim"), plain(score.explanation, "dim"))
    usage = trajectory.usage
    yield plain(
        f"{trajectory.model} · {trajectory.agent} · seed {trajectory.seed} · {trajectory.stop_reason.value} · "
        f"{_tokens(usage)} · "
        f"{trajectory.timing.model_s + trajectory.timing.code_s:.1f} s",
        "dim",
    )
    if trajectory.user_usage.requests:
        user = trajectory.user_usage
        yield plain(f"the user's model: {user.prompt_tokens:,} + {user.completion_tokens:,} tokens", "dim")
    if n_cut := trajectory.n_cut_replies:
        yield plain(
            f"{n_cut} of {len(trajectory.steps)} replies cut at a stop string after which the model had continued",
            "yellow",
        )
    if trajectory.failure is not None:
        yield plain(f"infrastructure error: {trajectory.failure.message}", "magenta")


def _reply(message: Message, prefilled_chars: int, action_format: ActionFormat) -> Iterator[RenderableType]:
    content = message.content
    if prefilled_chars:
        yield Text.assemble(("prefilled: ", "italic dim"), plain(content[:prefilled_chars], "on grey23"))
    for part in reply_parts(message, action_format) if content else ():
        text = content[max(part.start, prefilled_chars) : part.end]
        if part.name is PartName.THOUGHT:
            yield plain(text.rstrip("\n"))
        else:
            yield from _action(text, action_format.parse(content).code)
    yield from (plain(f"→ {call_text(call)}", "cyan") for call in message.tool_calls)


def _action(text: str, code: str | None) -> Iterator[RenderableType]:
    """An action: the code in colour, the text around it dim."""
    before, found, after = text.partition(code) if code else ("", "", text)
    if before.strip():
        yield plain(before.strip("\n"), "dim")
    if found:
        yield Syntax(
            visible(found).rstrip("\n"), "python", theme="ansi_dark", word_wrap=True, background_color="default"
        )
    if after.strip():
        yield plain(after.strip("\n"), "dim" if found else "")


def _tokens(usage: Usage) -> str:
    cached = f" ({usage.cached_tokens:,} cached)" if usage.cached_tokens else ""
    return f"{usage.prompt_tokens:,}{cached} + {usage.completion_tokens:,} tokens"


def _facts_of(step: Step) -> Text:
    facts = [_tokens(step.usage)]
    facts += [f"cut at {step.cut_at!r}"] if step.cut_at else []
    facts += [f"model {step.timing.model_s:.1f} s, code {step.timing.code_s:.1f} s"]
    facts += [f"{call.name}({call.arguments}){' → ' + call.error if call.error else ''}" for call in step.tool_calls]
    error = step_error(step)
    style = "red" if error else "dim"
    return plain(" · ".join([*([f"{error} {step.error_name}".strip()] if error else []), *facts]), style)


def _candidates(step: Step) -> Iterator[RenderableType]:
    """The groups of the vote, the largest first, each with the outcome of its first member."""
    groups: dict[str, list[Candidate]] = {}
    for candidate in step.candidates:
        key = f"failed: {step_error(candidate)}" if candidate.vote is None else f"outcome {candidate.vote + 1}"
        groups.setdefault(key, []).append(candidate)
    for key, members in sorted(groups.items(), key=lambda item: -len(item[1])):
        chosen = any(one.chosen for one in members)
        mark = "★" if chosen else " "
        outcome = " ".join(members[0].observation.split())
        line = f"  {mark} {len(members)} of {len(step.candidates)} · {key} · {outcome[:120]}"
        yield plain(line, "cyan" if chosen else "dim")


def _rule(title: str, style: str = "blue") -> Rule:
    return Rule(Text(title), align="left", style=style)
