"""Each check: what it finds, what it leaves."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.curation.attempts import attempt
from tests.curation.cleaning.conversations import GET_ORDER, TOOLS, conversation, order, reply
from understudy.curation.cleaning import CHECKS, CleanConfig, Cleaned, Finding, clean
from understudy.curation.cleaning.minhash import Repeats, jaccard, rows_for, shingles
from understudy.records import ExecutionStatus, Failure, ParseProblem, StopReason, ToolSchema, Trajectory
from understudy.runs import BadRecordError

GOOD = [order("A17"), order("B2"), order("C3")]


def checked(kind: str, *trajectories: Trajectory, **options: object) -> Cleaned:
    """The result of one check alone."""
    config = CleanConfig(checks=[{"kind": kind, **options}], skip=[one for one in CHECKS.builtin if one != kind])
    return clean([(one, None) for one in trajectories], config)


def the_finding(cleaned: Cleaned) -> Finding:
    (finding,) = cleaned.findings
    return finding


@pytest.mark.parametrize("kind", CHECKS.builtin)
def test_good_conversations_pass_as_they_are(kind: str) -> None:
    cleaned = checked(kind, *GOOD)
    assert list(cleaned.trajectories) == GOOD
    assert cleaned.findings == ()


class TestTools:
    def test_renamed_tools_get_their_new_names_and_are_counted(self) -> None:
        old = ToolSchema(name="lookup", parameters=GET_ORDER.parameters)
        made = conversation("Where?", reply("", lookup={"order_id": "A"}), "here", reply("Here."), tools=(old,))
        cleaned = checked("tools", made, renamed={"lookup": "get_order"})
        (kept,) = cleaned.trajectories
        assert kept.tools[0].name == kept.messages[1].tool_calls[0].name == kept.steps[0].tool_calls[0].name
        assert kept.tools[0].name == "get_order"
        assert cleaned.summary.counts == {"changed_renamed_tool": 1}
        assert the_finding(cleaned).detail == "lookup is get_order, 1 calls"

    def test_a_schema_under_both_names_stays_once(self) -> None:
        both = (ToolSchema(name="lookup"), GET_ORDER)
        made = conversation("Where?", reply("", lookup={"order_id": "A"}), "here", reply("Here."), tools=both)
        (kept,) = checked("tools", made, renamed={"lookup": "get_order"}).trajectories
        assert kept.tools == (GET_ORDER,)

    def test_unknown_tools_drop(self) -> None:
        made = conversation("Where?", reply("", lookup={}), "no such tool", reply("Sorry."))
        cleaned = checked("tools", made)
        assert len(cleaned) == 0
        assert the_finding(cleaned).reason == "unknown_tool"
        assert the_finding(cleaned).detail == "lookup, first in message 2"
        assert len(checked("tools", made, known=["lookup"])) == 1
        assert len(checked("tools", made, action="count")) == 1

    def test_a_file_has_todays_tools(self, tmp_path: Path) -> None:
        path = tmp_path / "tools.json"
        path.write_text(json.dumps([{"type": "function", "function": {"name": "find_customer"}}]))
        assert the_finding(checked("tools", GOOD[0], tools=path)).detail.startswith("get_order")
        path.write_text("{}")
        with pytest.raises(BadRecordError, match=r"tools\.json: expected a JSON list of tool schemas; got dict"):
            checked("tools", GOOD[0], tools=path)

    def test_without_schemas_it_says_that_nothing_could_be_checked(self) -> None:
        made = conversation("Where?", reply("", lookup={}), "here", reply("Here."), tools=())
        assert the_finding(checked("tools", made)).reason == "no_tool_schemas"

    def test_code_that_calls_an_old_name_is_dropped(self) -> None:
        cleaned = checked("tools", attempt(), renamed={"web_search": "search"})
        assert (len(cleaned), the_finding(cleaned).reason) == (0, "unknown_tool")
        assert len(checked("tools", attempt())) == 1

    def test_chains_of_new_names_are_refused(self) -> None:
        with pytest.raises(ValidationError, match="'b' is renamed itself"):
            CleanConfig(checks=[{"kind": "tools", "renamed": {"a": "b", "b": "c"}}])


class TestArguments:
    @pytest.mark.parametrize(
        ("arguments", "reason", "said"),
        [
            ({"order_id": 17}, "bad_arguments", "get_order.order_id: expected string, got a number"),
            ({}, "bad_arguments", "'order_id' is a required property"),
            ({"order_id": "A", "color": "secret"}, "bad_arguments", "'color' was unexpected"),
            ({"order_id": "A", "n": True}, "bad_arguments", "get_order.n: expected integer, got true or false"),
            ('{"order_id": ', "broken_arguments", "not a JSON object"),
        ],
    )
    def test_arguments_that_do_not_fit_drop(self, arguments: object, reason: str, said: str) -> None:
        made = conversation("Where?", reply("", get_order=arguments), "here", reply("Here."))
        cleaned = checked("arguments", made)
        assert (len(cleaned), the_finding(cleaned).reason) == (0, reason)
        assert said in the_finding(cleaned).detail
        assert "secret" not in the_finding(cleaned).detail

    @pytest.mark.parametrize("broken", [{"type": 5}, {"$ref": "https://example.org/schema.json"}])
    def test_a_broken_schema_is_counted_and_nothing_is_downloaded(self, broken: dict[str, object]) -> None:
        tools = (ToolSchema(name="get_order", parameters=broken),)
        made = conversation("Where?", reply("", get_order={}), "here", reply("Here."), tools=tools)
        cleaned = checked("arguments", made)
        assert (len(cleaned), the_finding(cleaned).reason) == (1, "broken_schema")


class TestResults:
    def made(self, *results: str) -> Trajectory:
        turns = [part for result in results for part in (reply("", get_order={"order_id": result}), result)]
        return conversation("Where?", *turns, reply("Sorry."))

    @pytest.mark.parametrize(
        "text",
        [
            "Error: no such order",
            "KeyError('A17')",
            "shop.errors.NotFoundError: A17",
            "An error occurred while running the tool. Please try again.",
            "Traceback (most recent call last):\n …",
            '{"error": "not found"}',
            '{"success": false}',
            '{"status": "error", "code": 5}',
            "HTTP 503 Service Unavailable",
        ],
    )
    def test_texts_of_errors(self, text: str) -> None:
        assert the_finding(checked("results", self.made(text))).detail == "1 of 1 results, first in message 3"

    @pytest.mark.parametrize(
        "text", ['{"error": null, "order": 5}', "Error codes of the printer are below", "404 Main Street", "no errors"]
    )
    def test_texts_that_are_none(self, text: str) -> None:
        assert len(checked("results", self.made(text))) == 1

    def test_a_share_may_be_errors(self) -> None:
        made = self.made("Error: a", "fine", "fine too")
        assert len(checked("results", made)) == 1
        assert len(checked("results", made, max_share=0.3)) == 0
        assert len(checked("results", made, max_share=0)) == 0

    def test_a_failed_call_and_failed_code_count_whatever_the_text_says(self) -> None:
        made = self.made("all is well")
        failed = made.steps[0].tool_calls[0].model_copy(update={"error": "boom"})
        steps = (made.steps[0].model_copy(update={"tool_calls": (failed,)}), *made.steps[1:])
        assert len(checked("results", made.model_copy(update={"steps": steps}))) == 0
        assert len(checked("results", attempt(status=ExecutionStatus.ERROR), max_share=0.4)) == 0
        assert len(checked("results", attempt(status=ExecutionStatus.ERROR))) == 1

    def test_a_wrong_expression_is_refused(self) -> None:
        with pytest.raises(ValidationError, match="expected a regular expression"):
            CleanConfig(checks=[{"kind": "results", "patterns": ["("]}])


class TestLoops:
    def test_the_same_call_three_times_drops(self) -> None:
        turns = [part for _ in range(3) for part in (reply("", get_order={"order_id": "A", "n": 1}), "wait")]
        made = conversation("Where?", *turns, reply("Sorry."))
        assert the_finding(checked("loops", made)).detail == "get_order is called 3 times with the same arguments"
        assert len(checked("loops", made, times=4)) == 1
        assert len(checked("loops", made, allowed=["get_order"])) == 1

    def test_other_arguments_are_no_loop(self) -> None:
        turns = [part for n in range(5) for part in (reply("", get_order={"order_id": "A", "n": n}), "wait")]
        assert len(checked("loops", conversation("Where?", *turns, reply("Sorry.")))) == 1

    def test_the_same_code_again_and_again(self) -> None:
        assert the_finding(checked("loops", attempt(n_steps=5, searched=False), times=3)).reason == "loop"


class TestTruncated:
    def test_interrupted_conversations(self) -> None:
        made = conversation("Where?", reply("", get_order={"order_id": "A"}), stop=StopReason.PROVIDER)
        made = made.model_copy(update={"failure": Failure(kind=StopReason.PROVIDER, message="it ends at a call")})
        assert the_finding(checked("truncated", made)).detail == "it ends at a call"

    @pytest.mark.parametrize(
        "made",
        [
            conversation("Where?", reply("It is"), stop=StopReason.CUT_BY_LENGTH),
            conversation("Code?", reply("Here:\n```py\nprint(")),
            attempt(problem=ParseProblem.CUT_BY_LENGTH),
        ],
    )
    def test_cut_replies(self, made: Trajectory) -> None:
        assert the_finding(checked("truncated", made)).reason == "cut_reply"


LONG = " ".join(f"word{number}" for number in range(200))


class TestNearDuplicates:
    def test_the_later_one_is_dropped(self) -> None:
        first = conversation("Tell.", reply(LONG), name="first")
        again = conversation("Tell.", reply(LONG.replace("word77", "other")), name="again")
        other = conversation("Tell.", reply(LONG[: len(LONG) // 2]), name="other")
        cleaned = checked("near_duplicates", first, again, other)
        assert [one.task.id for one in cleaned.trajectories] == ["first", "other"]
        assert the_finding(cleaned).detail == "of first#0, similarity 0.95"

    def test_candidates_are_those_of_all_pairs(self) -> None:
        """Against the comparison of all pairs, on texts of all degrees of similarity."""
        draw = random.Random(5)
        base = [draw.choice("abcdefghij") * 3 + str(draw.randrange(50)) for _ in range(120)]
        texts = []
        for share in [place / 60 for place in range(60)]:
            texts.append(" ".join(draw.choice(base) if draw.random() < share * 0.2 else word for word in base))
        known, found, kept = Repeats(0.8), [], []
        for number, text in enumerate(texts):
            found.append(known.earlier(str(number), text) is not None)
        expected = []
        for text in texts:
            hashes = shingles(text)
            expected.append(any(jaccard(hashes, one) >= 0.8 for one in kept))
            if not expected[-1]:
                kept.append(hashes)
        assert found == expected
        assert 0 < sum(found) < len(found)

    def test_bands_miss_hardly_any_pair(self) -> None:
        assert [rows_for(one) for one in (0.99, 0.9, 0.7, 0.5, 0.2)] == [16, 8, 4, 2, 1]

    def test_texts_without_words_are_compared_too(self) -> None:
        known = Repeats(0.9)
        assert known.earlier("a", "…") is None
        assert known.earlier("b", "…") == ("a", 1.0)
        assert known.earlier("c", "") is None


SHOP = ["Where is my order {}, has the parcel been shipped", "I want to return the shoes of order {}, refund please"]
ODD = ["Write a poem about the moon and the sea, number {}", "Rhyme a poem, the moon above a silver sea, number {}"]


def talk(text: str, number: int) -> Trajectory:
    return conversation(text.format(f"A{number}"), reply("Yes."), name=f"{number}")


class TestTopics:
    def crowd(self) -> list[Trajectory]:
        shop = [talk(SHOP[number % 2], number) for number in range(76)]
        return [*shop, *(talk(ODD[number % 2], 100 + number) for number in range(4))]

    def test_odd_clusters_are_counted_and_shown_and_nothing_is_dropped(self) -> None:
        cleaned = checked("topics", *self.crowd(), clusters=3, small=0.06)
        assert len(cleaned) == 80
        odd = next(one for one in cleaned.clusters if one.is_small)
        assert odd.n == 4
        assert {"moon", "poem", "sea"} >= set(odd.name.split("-")) - {"number"}
        assert {one.trajectory_id for one in cleaned.findings} == {f"{100 + number}#0" for number in range(4)}
        assert sum(one.share for one in cleaned.clusters) == pytest.approx(1)
        assert [one.n for one in cleaned.clusters] == sorted((one.n for one in cleaned.clusters), reverse=True)
        assert checked("topics", *self.crowd(), clusters=3, small=0.06) == cleaned, "the same every time"

    def test_named_clusters_and_small_ones_are_dropped_if_asked(self) -> None:
        shown = checked("topics", *self.crowd(), clusters=3, small=0.06)
        odd = next(one for one in shown.clusters if one.is_small)
        for options in ({"drop": [odd.name]}, {"drop_below": 0.06}):
            cleaned = checked("topics", *self.crowd(), clusters=3, small=0.06, **options)
            assert len(cleaned) == 76
            assert cleaned.summary.counts == {"dropped_off_topic": 4}

    def test_a_cluster_that_does_not_exist_is_an_error_that_lists_those_that_do(self) -> None:
        with pytest.raises(ValueError, match=r"topics.drop: there is no cluster 'weather'; there are: \w+"):
            checked("topics", *self.crowd(), drop=["weather"])

    def test_few_conversations_have_no_clusters(self) -> None:
        assert checked("topics", *GOOD).clusters == ()

    def test_equal_questions_are_one_topic(self) -> None:
        cleaned = checked("topics", *(talk("The same words", number) for number in range(20)))
        assert len(cleaned) == 20


def test_tools_of_the_made_up_shop_are_the_ones_called() -> None:
    assert {one.name for one in TOOLS} == {"get_order", "find_customer"}
