"""Checks in their order, a user's own ones, the list of reasons, replies that a teacher writes again."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tests.curation.cleaning.conversations import conversation, order, reply, score
from understudy.curation.cleaning import CHECKS, CheckError, CleanConfig, FaultAction, clean
from understudy.models import Model, ProviderError, Request
from understudy.records import Completion, FinishReason, Message

OWN = "tests.curation.cleaning.own_checks"
GOOD = [order("A17"), order("B2"), order("C3")]
UNKNOWN = conversation("Who?", reply("", lookup={}), "no such tool", reply("Sorry."), name="unknown")
WITH_MAIL = conversation("I am a@b.io, hello there", reply("", lookup={}), "x", reply("Hello a@b.io"), name="mail")


def test_every_trajectory_is_kept_or_listed_as_dropped_once() -> None:
    came = [*GOOD, UNKNOWN, WITH_MAIL]
    cleaned = clean([(one, score(one)) for one in came], CleanConfig())
    dropped = [one.trajectory_id for one in cleaned.findings if one.action is FaultAction.DROP]
    assert sorted([*dropped, *(one.id for one in cleaned.trajectories)]) == sorted(one.id for one in came)
    assert [judged.trajectory_id for _, judged in cleaned if judged] == [one.id for one in GOOD]
    assert cleaned.summary.counts == {"dropped_unknown_tool": 2}, "what is dropped is not examined further"
    assert str(cleaned.summary).splitlines()[:2] == ["3 of 5 trajectories kept", "      2  dropped: unknown tool"]


def test_a_built_in_check_with_options_stays_in_its_place() -> None:
    config = CleanConfig(checks=[f"{OWN}:no_refunds", {"kind": "loops", "times": 5}], skip=["topics"])
    kinds = [one.kind for one in config.ordered_checks]
    assert kinds == [*(kind for kind in CHECKS.builtin if kind != "topics"), f"{OWN}:no_refunds"]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"checks": ["loops", "loops"]}, "expected each built-in check once; got loops twice"),
        ({"skip": ["loop"]}, "expected some of tools, .*; got 'loop'"),
        ({"checks": ["loops"], "skip": ["loops"]}, "loops is also in checks"),
        ({"checks": [{"kind": "loops", "times": 1}]}, "greater than or equal to 2"),
        ({"checks": ["looops"]}, "expected one of tools, .*got 'looops'"),
        ({"checks": [f"{OWN}:no_such"]}, "has no 'no_such'"),
    ],
)
def test_wrong_settings_are_refused(config: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        CleanConfig.model_validate(config)


def test_checks_of_ones_own_are_functions_and_classes() -> None:
    came = [(order("A17"), None), (conversation("Refund?", reply("No."), name="r"), None)]
    config = CleanConfig(checks=[f"{OWN}:no_refunds", {"kind": f"{OWN}:ShortQuestions", "fewest": 6}])
    cleaned = clean(came, config)
    assert [(one.reason, one.detail) for one in cleaned.findings] == [
        ("no_refunds", "it is about a refund"),
        ("short_question", "one of 1"),
    ]
    assert cleaned.summary.counts == {"dropped_no_refunds": 1, "counted_short_question": 1}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("raises", r"own_checks\.py:\d+ raised KeyError: 'gone'"),
        ("answers_oddly", "expected None, a bool, a text, a Fault or several Faults; got float: 3.5"),
        ("changes_without", "expected `changed`"),
    ],
)
def test_a_check_that_is_wrong_is_an_error_that_names_check_and_trajectory(name: str, said: str) -> None:
    with pytest.raises(CheckError, match=rf"check {OWN}:{name}, trajectory A17#0: .*{said}"):
        clean([(GOOD[0], None)], CleanConfig(checks=[f"{OWN}:{name}"]))


class Teacher(Model):
    """Writes whatever it is told to."""

    name = "teacher"

    def __init__(self, text: str, reason: FinishReason = FinishReason.STOP) -> None:
        self.text, self.reason = text, reason
        self.requests: list[Request] = []

    def complete(self, request: Request) -> tuple[Completion, ...]:
        self.requests.append(request)
        if not self.text:
            raise ProviderError("it is away")
        return (Completion(text=self.text, finish_reason=self.reason),)


def relabelled(teacher: Teacher, *pairs: tuple[object, object], which: str = "wrong") -> object:
    config = CleanConfig.model_validate({"relabel": {"model": "teacher", "which": which, "in_flight": 1}})
    return clean(pairs, config, teacher)


def test_wrong_replies_are_written_again_and_the_originals_kept_beside() -> None:
    teacher = Teacher("Order B2 is on its way.")
    cleaned = relabelled(teacher, (GOOD[0], score(GOOD[0])), (GOOD[1], score(GOOD[1], correct=False)))
    (kept, judged), (changed, unjudged) = cleaned.pairs
    assert kept == GOOD[0]
    assert judged is not None
    assert unjudged is None, "the verdict was on the original"
    assert changed.messages[-1].content == changed.answer == "Order B2 is on its way."
    assert changed.messages[:-1] == GOOD[1].messages[:-1] == teacher.requests[0].messages
    (made,) = cleaned.replacements
    assert (made.before, made.model, made.message_index) == (GOOD[1].messages[-1], "teacher", 3)
    assert made.after == Message(role="assistant", content="Order B2 is on its way.")
    assert cleaned.summary.counts == {"changed_relabelled": 1}


@pytest.mark.parametrize("teacher", [Teacher(""), Teacher("It is on", FinishReason.LENGTH)])
def test_a_reply_that_the_teacher_does_not_give_leaves_the_original_and_is_counted(teacher: Teacher) -> None:
    wrong = score(GOOD[0], correct=False)
    cleaned = relabelled(teacher, (GOOD[0], wrong))
    assert cleaned.pairs == ((GOOD[0], wrong),)
    assert cleaned.summary.counts == {"counted_not_relabelled": 1}


def test_which_replies_are_written_again() -> None:
    pairs = [(GOOD[0], score(GOOD[0])), (GOOD[1], None), (GOOD[2], score(GOOD[2], correct=False))]
    made = [relabelled(Teacher("x"), *pairs, which=which).replacements for which in ("wrong", "not_right", "all")]
    assert [len(one) for one in made] == [1, 2, 3]


def test_a_teacher_and_its_settings_go_together() -> None:
    with pytest.raises(ValueError, match="relabel and a teacher go together"):
        clean([], CleanConfig(), Teacher("x"))
