"""The stage ``signals``: is a student less sure where it is wrong? Every signal is measured on development tasks, and a
threshold is set for a wished share of deferral, or for a bound of the cost.

Takes: a student's graded attempts at development tasks, and optionally a teacher's at the same ones. Writes:
``signals.json``, whole. A cascade whose ``threshold`` is the name of this stage uses it; an evaluation of that cascade
is refused if it asks one of the development questions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from understudy.agents import SIGNALS, AnySignal
from understudy.annotations import AttemptsRef
from understudy.evaluation import Graded
from understudy.evaluation.deferral import Ends, Measured, curve_of, ends_of, figures_of, measured, share_below
from understudy.pipeline.attempts import read_graded
from understudy.pipeline.cascades import question_digest
from understudy.pipeline.recipe import Recipe
from understudy.pipeline.stage import Counts, Stage, StageFailedError
from understudy.records import DeferralCurve, Record, SignalFigures, SignalReport, Target
from understudy.run_layout import SIGNALS_FILE
from understudy.runs import write_atomic

DEFAULT_SHARE = 0.2


class SignalsConfig(Record):
    """The attempts, the signals, and what deferral may cost."""

    student: AttemptsRef
    """A stage with the student's attempts at development tasks, which no training and no test contains."""
    teacher: AttemptsRef | None = None
    """A stage with the teacher's attempts at the same tasks: for a bound of the cost, and for the curve."""
    signals: Annotated[tuple[AnySignal, ...], Field(min_length=1)] = tuple(map(SIGNALS.validate, SIGNALS.builtin))
    """Those that are measured."""
    use: AnySignal | None = None
    """The signal of cascades that name none; None: the one with the highest AUROC."""
    share: Annotated[float, Field(ge=0, le=1)] | None = None
    """Defer at most this share of the tasks; 0.2 if no bound is given."""
    max_tokens: Annotated[float, Field(gt=0)] | None = None
    """Spend at most so many tokens per task, of both models together."""
    max_cost_usd: Annotated[float, Field(gt=0)] | None = None
    """Spend at most so much per task, by the prices of the models."""
    seed: int = Field(default=0, ge=0, lt=2**63)
    """Seed of the bootstrap."""

    @model_validator(mode="after")
    def _has_one_bound(self) -> Self:
        given = [name for name in ("share", "max_tokens", "max_cost_usd") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"expected one of share, max_tokens and max_cost_usd; got {' and '.join(given)}")
        if given and given != ["share"] and self.teacher is None:
            raise ValueError(f"{given[0]} needs teacher: what deferral costs is read from the teacher's attempts")
        if twice := [one.kind for number, one in enumerate(self.signals) if one in self.signals[:number]]:
            raise ValueError(f"signals: expected each signal once; got {twice[0]!r} again")
        if self.use is not None and self.use not in self.signals:
            raise ValueError(f"use: expected one of the signals that are measured; got {self.use.kind!r}")
        return self

    @property
    def bound(self) -> str:
        """The bound, in words."""
        if self.max_tokens is not None:
            return f"at most {self.max_tokens:g} tokens per task"
        if self.max_cost_usd is not None:
            return f"at most {self.max_cost_usd:g} USD per task"
        return f"a share of at most {DEFAULT_SHARE if self.share is None else self.share:g}"


class SignalsStage(Stage[SignalsConfig]):
    """Measure which signals tell a student's right attempts from wrong ones, and set a cascade's threshold."""

    kind = "signals"
    provides = Target.THRESHOLD
    Config: ClassVar = SignalsConfig

    def run(self) -> Counts:
        config = self.config
        student, teacher = self._graded(config.student), self._graded(config.teacher)
        assert student is not None
        found = {signal.kind: measured(student, signal) for signal in config.signals}
        ends = {name: ends_of(one, teacher) for name, one in found.items()} if teacher is not None else {}
        figures = [self._figures(name, one, ends.get(name)) for name, one in found.items()]
        figures.sort(key=lambda one: -1.0 if one.auroc is None else one.auroc, reverse=True)
        chosen = figures[0] if config.use is None else next(one for one in figures if one.signal == config.use.kind)
        if chosen.threshold is None:
            raise StageFailedError(
                f"{self.ref}: none of the attempts of {student.system} has a value of {chosen.signal}; "
                "set `logprobs: true` at the student's agent if its server can return log-probabilities"
            )
        any_found = found[chosen.signal]
        report = SignalReport(
            student=student.system,
            teacher="" if teacher is None else teacher.system,
            model=any_found.attempts[0].model,
            n=len(any_found.attempts),
            n_right=sum(any_found.right),
            questions=tuple(sorted({question_digest(one.task.question) for one in any_found.attempts})),
            bound=config.bound,
            chosen=chosen.signal,
            signals=tuple(figures),
            curve=self._curve(student, teacher, chosen.signal, ends.get(chosen.signal)),
        )
        write_atomic(self.folder / SIGNALS_FILE, report.model_dump_json(indent=1) + "\n")
        for one in figures:
            self.context.say(f"{self.ref}: {in_words(one)}")
        return _counts(report, chosen)

    def _graded(self, name: str | None) -> Graded | None:
        if name is None:
            return None
        taken = self.context.stage_named(Target.ATTEMPTS, name)
        return Graded(str(taken), *read_graded(self.context, taken))

    def _figures(self, name: str, found: Measured, ends: Ends | None) -> SignalFigures:
        config = self.config
        if not found.attempts or len(set(found.right)) < 2:
            verdict = "no attempt" if not found.attempts else f"only {'right' if found.right[0] else 'wrong'} attempts"
            raise StageFailedError(
                f"{self.ref}: expected right and wrong attempts of the student, got {verdict} "
                f"({len(found.attempts)}): use more development tasks, or other ones"
            )

        def is_affordable(threshold: float) -> bool:
            if config.max_tokens is not None and ends is not None:
                return ends.mean_tokens(threshold) <= config.max_tokens
            if config.max_cost_usd is not None and ends is not None:
                cost = ends.mean_cost_usd(threshold)
                if cost is None:
                    raise StageFailedError(f"{self.ref}.max_cost_usd: neither model of the attempts has a price")
                return cost <= config.max_cost_usd
            return share_below(found.values, threshold) <= (DEFAULT_SHARE if config.share is None else config.share)

        return figures_of(name, found, is_affordable, seed=config.seed)

    def _curve(self, student: Graded, teacher: Graded | None, signal: str, ends: Ends | None) -> DeferralCurve | None:
        if teacher is None or ends is None:
            return None
        ref = self.context.stage_named(Target.ATTEMPTS, self.config.teacher or "")
        model = getattr(self.context.recipe.config(ref), "model", None)
        is_program = isinstance(model, str) and self.context.is_program(model)
        labels = (student.system, teacher.system)
        return curve_of(f"development tasks of {self.ref}", labels, signal, ends, teacher_is_program=is_program)

    @staticmethod
    def problems(config: SignalsConfig, key: str, recipe: Recipe) -> Iterator[str]:
        """Both stages attempt the same tasks."""
        refs = [recipe.names(Target.ATTEMPTS).get(name) for name in (config.student, config.teacher) if name]
        found = [getattr(recipe.config(ref), "tasks", None) for ref in refs if ref is not None]
        sets = [one for one in found if one is not None]
        if len(refs) == 2 and refs[0] is not None and refs[0] == refs[1]:
            yield f"{key}.teacher: expected other attempts than the student's; got {config.teacher!r} for both"
        if len(sets) == 2 and set(sets[0]) != set(sets[1]):
            yield f"{key}.teacher: expected attempts at the tasks of {config.student} ({', '.join(sets[0])})"


def in_words(figures: SignalFigures) -> str:
    """What a signal is worth, in a sentence."""
    if figures.auroc is None or figures.interval is None:
        return f"{figures.signal} has no value"
    low, high = figures.interval.low, figures.interval.high
    worth = "tells right from wrong" if figures.tells else "tells nothing" if high >= 0.5 else "tells the opposite"
    return f"{figures.signal} {worth}: AUROC {figures.auroc:.2f} ({low:.2f}–{high:.2f})"


def _counts(report: SignalReport, chosen: SignalFigures) -> Counts:
    tells = sum(one.tells for one in report.signals)
    counts = {"attempts": float(report.n), "correct": float(report.n_right), "signals_that_tell": float(tells)}
    return {**counts, "share_deferred": round(chosen.share, 4), "threshold": round(chosen.threshold or 0.0, 6)}
