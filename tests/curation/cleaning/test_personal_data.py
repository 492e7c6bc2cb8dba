"""Personal data: what is found, what only looks like it, and masks that are the same everywhere in a conversation."""

from __future__ import annotations

import json

import pytest

from tests.curation.cleaning.conversations import conversation, reply, score
from understudy.curation.cleaning import CHECKS, CheckError, CleanConfig, Cleaned, clean
from understudy.curation.cleaning.personal.check import PersonalDataCheck, PersonalDataConfig
from understudy.curation.cleaning.personal.masking import texts_of
from understudy.records import Candidate, EnvironmentRecord, Failure, StopReason, Task, ToolCall, Trajectory

FOUND = [
    ("Write to anna.berg@example.org today.", "email", "anna.berg@example.org"),
    ("<o'neil+shop@mail.example.co.uk>", "email", "o'neil+shop@mail.example.co.uk"),
    ('{"email": "j_doe99@sub.example.com"}', "email", "j_doe99@sub.example.com"),
    ("mailto:info@müller-bäckerei.de, please", "email", "info@müller-bäckerei.de"),
    ("user=a@b.io;", "email", "a@b.io"),
    ("Call +49 30 901820-12 tomorrow", "phone", "+49 30 901820-12"),
    ("+1 (415) 555-2671", "phone", "+1 (415) 555-2671"),
    ("my number is +442079460958.", "phone", "+442079460958"),
    ("0049 171 2345678", "phone", "0049 171 2345678"),
    ("(212) 555-0147", "phone", "(212) 555-0147"),
    ("reach me at 415-555-2671", "phone", "415-555-2671"),
    ("415.555.2671 works too", "phone", "415.555.2671"),
    ("030 90182012", "phone", "030 90182012"),
    ("0171/2345678", "phone", "0171/2345678"),
    ("01 42 68 53 00", "phone", "01 42 68 53 00"),
    ("(030) 901820", "phone", "(030) 901820"),
    ("phone: 4155552671", "phone", "4155552671"),
    ('{"phone": "2345678"}', "phone", "2345678"),
    ("Card 4111 1111 1111 1111, please", "card", "4111 1111 1111 1111"),
    ("5555555555554444", "card", "5555555555554444"),
    ("amex 3782-822463-10005", "card", "3782-822463-10005"),
    ("6011 0009 9013 9424", "card", "6011 0009 9013 9424"),
    ('{"pan": "2223003122003222"}', "card", "2223003122003222"),
    ("IBAN DE89 3704 0044 0532 0130 00 is mine", "iban", "DE89 3704 0044 0532 0130 00"),
    ("GB82WEST12345698765432", "iban", "GB82WEST12345698765432"),
    ("nl91abna0417164300", "iban", "nl91abna0417164300"),
    ("NO93 8601 1117 947", "iban", "NO93 8601 1117 947"),
    ("FR14 2004 1010 0505 0001 3M02 606", "iban", "FR14 2004 1010 0505 0001 3M02 606"),
    ("use sk-proj-abcDEF1234567890abcDEF1234", "key", "sk-proj-abcDEF1234567890abcDEF1234"),
    ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "key", "ghp_abcdefghijklmnopqrstuvwxyz0123456789"),
    ("AKIAIOSFODNN7EXAMPLE", "key", "AKIAIOSFODNN7EXAMPLE"),
    ("password: hunter2secret", "key", "hunter2secret"),
    ('{"api_key": "a1b2c3d4e5f6"}', "key", "a1b2c3d4e5f6"),
    ("Authorization: Bearer abc123def456ghi", "key", "abc123def456ghi"),
    (
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
        "key",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
    ),
]
LOOK_ALIKES = [
    "Order 4111-2222-3333-4445 was shipped",  # the form of a card, a wrong check digit
    "ORD-2026-001234",
    "order number 0815-4711-2024",
    "invoice no. 415-555-2671",
    "Order #1029384756 and order 2938475610",
    "tracking 00340434161094027318",
    "version 10.15.7.1234",
    "v2.14.0-rc.1",
    "192.168.100.200",
    "2026-11-27T03:43:24Z",
    "27.11.2026 10:30",
    "01/02/2024 and 01-02-2024",
    "from 2024-01-01 to 2024-12-31",
    "timestamp 1764214800000",
    "ISBN 978-3-16-148410-0",
    "DE89 3704 0044 0532 0130 01",  # the form of an IBAN, a wrong checksum
    "DE12 is a road, NO93 is none",
    "4111 1111 1111 1112",
    "0000 0000 0000 0000",
    "price 1 234 567.89 or 12,345,678.90",
    "3.14159265358979",
    "550e8400-e29b-41d4-a716-446655440000",
    "commit 9f8e7d6c5b4a39281706f5e4d3c2b1a098765432",
    "follow @anna and meet @ 5",
    "npm install @scope/pkg@1.2.3",
    "the price @ 12.50",
    "password: required",
    "The token is invalid, the secret is out",
    "sk-learn is scikit-learn",
    "api key: see https://example.org/docs/v2/keys",
    "call get_order with 12345",
    "call me in 10 minutes",
    "size 38-40-42, quantity 100 200 300",
    "12:30-14:45, room 0.12",
    "A17, B1234567890123456",
]


def found(text: str) -> list[tuple[str, str]]:
    check = PersonalDataCheck(PersonalDataConfig())
    return [(sort, text[span.start : span.end]) for span, sort in check.find(text)]


@pytest.mark.parametrize(("text", "sort", "value"), FOUND)
def test_finds_it(text: str, sort: str, value: str) -> None:
    assert found(text) == [(sort, value)]


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_what_looks_like_it_is_not_found(text: str) -> None:
    assert found(text) == []


def test_two_in_one_text_are_both_found() -> None:
    text = "DE89370400440532013000 GB82WEST12345698765432, a@b.io, c@d.io"
    assert [sort for sort, _ in found(text)] == ["iban", "iban", "email", "email"]


EMAIL, CARD = "anna@example.org", "4111 1111 1111 1111"


def with_personal_data() -> Trajectory:
    return conversation(
        f"I am {EMAIL} and paid with {CARD}.",
        reply("", find_customer={"email": EMAIL.upper(), "pan": CARD.replace(" ", ""), "n": 4111111111111111}),
        f"{{'name': 'Anna', 'email': '{EMAIL}', 'other': 'bob@example.org'}}",
        reply(f"Found {EMAIL} and bob@example.org."),
    )


def masked(trajectory: Trajectory, **options: object) -> Cleaned:
    checks = [{"kind": "personal_data", **options}]
    skip = [name for name in CHECKS.builtin if name != "personal_data"]
    return clean([(trajectory, score(trajectory, f"{EMAIL} is right"))], CleanConfig(checks=checks, skip=skip))


def test_one_value_has_one_mask_in_messages_arguments_results_and_the_score() -> None:
    cleaned = masked(with_personal_data())
    ((trajectory, judged),) = cleaned
    question, called, result, answer = trajectory.messages
    assert question.content == "I am [EMAIL_1] and paid with [CARD_1]."
    assert called.tool_calls[0].arguments == {"email": "[EMAIL_1]", "pan": "[CARD_1]", "n": "[CARD_1]"}
    assert json.loads(trajectory.steps[0].tool_calls[0].arguments)["email"] == "[EMAIL_1]"
    assert result.content == "{'name': 'Anna', 'email': '[EMAIL_1]', 'other': '[EMAIL_2]'}"
    assert answer.content == trajectory.answer == "Found [EMAIL_1] and [EMAIL_2]."
    assert trajectory.task.question == question.content
    assert judged is not None
    assert judged.explanation == "[EMAIL_1] is right"
    assert judged.trajectory_id == trajectory.id
    assert cleaned.summary.counts == {"changed_personal_card": 1, "changed_personal_email": 1}
    assert all("@" not in one.detail for one in cleaned.findings)


def test_a_value_that_one_place_gives_away_is_masked_in_all() -> None:
    trajectory = conversation("My phone is 2345678.", reply("", call_back={"to": "2345678"}), "ok", reply("Done."))
    ((made, _),) = masked(trajectory)
    assert made.messages[1].tool_calls[0].arguments == {"to": "[PHONE_1]"}


def test_drop_and_count_change_nothing() -> None:
    dropped = masked(with_personal_data(), action="drop")
    assert len(dropped) == 0
    assert dropped.summary.counts == {"dropped_personal_email": 1}
    counted = masked(with_personal_data(), action="count")
    assert counted.trajectories == (with_personal_data(),)
    assert counted.summary.counts == {"counted_personal_card": 1, "counted_personal_email": 1}


def test_values_that_are_kept_are_not_personal() -> None:
    ((made, _),) = masked(with_personal_data(), keep=[EMAIL])
    assert "ANNA@EXAMPLE.ORG" in json.dumps(made.messages[1].tool_calls[0].arguments)
    assert "[EMAIL_1]" in made.messages[2].content


def test_a_detector_of_ones_own_finds_names() -> None:
    options = {"detectors": ["email", "tests.curation.cleaning.own_checks:first_names"]}
    ((made, _),) = masked(with_personal_data(), **options)
    assert "'name': '[FIRST_NAMES_1]'" in made.messages[2].content
    assert CARD in made.messages[0].content, "only the named detectors run"


@pytest.mark.parametrize(("name", "said"), [("beyond", "within the text"), ("broken", "raised KeyError")])
def test_a_detector_that_is_wrong_is_an_error_that_names_it(name: str, said: str) -> None:
    target = f"tests.curation.cleaning.own_checks:{name}"
    with pytest.raises(CheckError, match=rf"{target}: .*{said}"):
        masked(with_personal_data(), detectors=[target])


def test_every_text_of_a_trajectory_is_masked_but_names_and_ids() -> None:
    """A field that is added to a record later must not stay unmasked unseen."""
    trajectory = Trajectory.model_validate(_filled(Trajectory.model_validate(_everywhere()).model_dump(mode="json")))
    ((made, _),) = masked(trajectory)
    left = {path for path, text in _leaves(made.model_dump(mode="json")) if EMAIL in text}
    assert left == {
        ".action_format",
        ".agent",
        ".environment.kind",
        ".messages.tool_calls.id",
        ".messages.tool_calls.name",
        ".model",
        ".prompt_hash",
        ".steps.candidates.cut_at",
        ".steps.candidates.tool_calls.id",
        ".steps.candidates.tool_calls.name",
        ".steps.cut_at",
        ".steps.error_name",
        ".steps.tool_calls.name",
        ".task.id",
        ".task.level",
        ".task.source",
        ".task.split",
        ".task.task_sets",
        ".task.type",
        ".tools.description",
        ".tools.name",
        ".tools.parameters.properties.n.type",
        ".tools.parameters.properties.order_id.type",
        ".tools.parameters.required",
        ".tools.parameters.type",
    }
    assert "a text that is masked" not in set(texts_of(made))


def _everywhere() -> Trajectory:
    base = with_personal_data()
    call = base.messages[1].tool_calls[0]
    step = base.steps[0].model_copy(
        update={
            "candidates": (Candidate(reply="x", tool_calls=(call,), observation="x"),),
            "tool_calls": (ToolCall(name="x", arguments="x", error="x"),),
        }
    )
    return base.model_copy(
        update={
            "task": Task(
                id="x", question="x", answer="x", aliases=("x",), turns=("x",), metadata={"key": "x"}, task_sets=("x",)
            ),
            "steps": (step, *base.steps[1:]),
            "environment": EnvironmentRecord(kind="x", before={"key": "x"}, after={"key": ["x"]}),
            "failure": Failure(kind=StopReason.PROVIDER, message="x"),
        }
    )


_CLOSED = {"role", "kind", "stop_reason", "parse_problem", "execution_status", "prefix_mode", "prefix_delivery"}


def _filled(value: object, key: str = "", above: str = "") -> object:
    """Every text is the address, but the members of closed sets."""
    if isinstance(value, dict):
        return {name: _filled(inner, name, key) for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, key, above) for inner in value]
    is_closed = key in _CLOSED and (key, above) != ("kind", "environment")
    is_link = key == "tool_call_id"
    return EMAIL if isinstance(value, str) and not is_closed and not is_link else value


def _leaves(value: object, path: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [leaf for name, inner in value.items() for leaf in _leaves(inner, f"{path}.{name}")]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in _leaves(inner, path)]
    return [(path, value)] if isinstance(value, str) else []
