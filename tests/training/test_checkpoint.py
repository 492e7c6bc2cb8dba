"""``student.json``: it names the base without a path of the machine where it can."""

from __future__ import annotations

from pathlib import Path

import pytest

from understudy.annotations import in_package
from understudy.training import StudentCard, read_card
from understudy.training.config import Method

PACKAGED = "package:understudy/demo/base"


def card(base: str) -> StudentCard:
    return StudentCard(base=base, method=Method.LORA, is_adapter=True, digest="0", n_steps=1, n_trainable=1)


@pytest.mark.parametrize(
    ("base", "written"),
    [
        (in_package(PACKAGED), PACKAGED),
        ("owner/model", "owner/model"),
        ("/elsewhere/base", "/elsewhere/base"),
        ("package:no_such_package/base", "package:no_such_package/base"),
    ],
)
def test_a_base_of_a_package_is_named_by_it_and_is_read_as_its_path(tmp_path: Path, base: str, written: str) -> None:
    file = tmp_path / "student.json"
    file.write_text(card(base).model_dump_json())
    assert f'"base":"{written}"' in file.read_text()
    assert read_card(tmp_path).base == base


def test_a_base_that_is_named_relative_to_the_checkpoint_moves_with_the_run(tmp_path: Path) -> None:
    checkpoint = tmp_path / "run" / "dpo" / "second" / "checkpoint"
    checkpoint.mkdir(parents=True)
    (checkpoint / "student.json").write_text(card("../student").model_dump_json())
    (tmp_path / "run").rename(tmp_path / "moved")
    moved = tmp_path / "moved" / "dpo" / "second"
    assert read_card(moved / "checkpoint").base == str(moved / "student")
