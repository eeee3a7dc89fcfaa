"""What is rendered and counted before an export where the model lies here, and what is said where it does not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from audit.errors import InputError
from audit.model import Json
from audit.train.exporting.report import Export
from audit.train.exporting.running import export
from audit.train.models import templates
from audit.train.models.tokenizing import learn
from tests.train.exported import (
    THINKING,
    TOOLS,
    TRAINERS,
    WAIVER,
    chat,
    lines_of,
    made,
    options_of,
    rows_of_calls,
    settings_of,
    turn,
    write_rows,
)

SHORT: dict[str, Any] = chat(turn("user", "a"), turn("assistant", "b"))
LONG: dict[str, Any] = chat(turn("user", "a"), turn("assistant", "b " * 60))


def rendered(
    folder: Path,
    rows: Sequence[Json],
    to: str = "trl",
    *,
    template: str = templates.TINY,
    force: bool = False,
    **given: Any,
) -> Export:
    """An export into ``folder / "out"`` for a model that is a folder with a tokenizer."""
    model = folder / "base"
    model.mkdir(exist_ok=True)
    learn(["the quick brown fox"], model, size=300)
    (model / "chat_template.jinja").write_text(template)
    data = write_rows(folder / "rows.jsonl", rows)
    options = options_of(model, **given)
    how: dict[str, Any] = {"options": options, "settings": settings_of(), "waive": WAIVER, "force": force}
    return export([str(data)], folder / "out", to=to, **how).export


def outcomes(folder: Path) -> list[str]:
    return [one["outcome"] for one in lines_of(folder / "out" / "rows.jsonl")]


def account(told: Export, name: str) -> tuple[str, str]:
    (one,) = (one for one in told.settings if one.name == name)
    return one.how, one.why


@pytest.mark.parametrize("to", TRAINERS)
def test_a_row_of_too_many_tokens_stops_the_export_or_is_left_out(tmp_path: Path, to: str) -> None:
    with pytest.raises(InputError, match=r"rows\.jsonl line 2 .* and 40 can be read \[over_length\]"):
        rendered(tmp_path, [SHORT, LONG], to, max_length=40)
    told = rendered(tmp_path, [SHORT, LONG], to, max_length=40, over_length="drop")
    assert outcomes(tmp_path) == ["used", "over_length"]
    assert told.splits["train"].left_out == {"over_length": 1}
    assert account(told, "over_length")[0] in ("in the rows", "carried")


@pytest.mark.parametrize("to", TRAINERS)
def test_rows_that_the_trainer_is_to_cut_are_counted(tmp_path: Path, to: str) -> None:
    row = chat(*SHORT["messages"], turn("user", "more"), turn("assistant", "b " * 60))
    told = rendered(tmp_path, [SHORT, row], to, max_length=40, over_length="truncate")
    assert outcomes(tmp_path) == ["used", "truncated"]
    assert [note for note in told.notes if note.startswith("train: 1 row of more than 40 tokens")]
    assert account(told, "over_length")[0] == "changed"


def test_either_answer_of_a_pair_is_counted(tmp_path: Path) -> None:
    pair = {"prompt": [turn("user", "a")], "chosen": [turn("assistant", "b")], "rejected": LONG["messages"][1:]}
    with pytest.raises(InputError, match="over_length"):
        rendered(tmp_path, [pair], max_length=40)


def test_a_row_that_the_template_refuses_is_no_used_one(tmp_path: Path) -> None:
    strict = "{%- if messages[0].content == 'no' -%}{{ raise_exception('never') }}{%- endif -%}" + templates.TINY
    rows = [SHORT, chat(turn("user", "no"), turn("assistant", "b"))]
    with pytest.raises(InputError, match="refused_by_template"):
        rendered(tmp_path, rows, template=strict)
    rendered(tmp_path, rows, template=strict, unusable="drop")
    assert outcomes(tmp_path) == ["used", "refused_by_template"]


def test_where_no_row_was_rendered_it_is_said_and_no_tokens_are(tmp_path: Path) -> None:
    told = made(tmp_path, [SHORT], "llama-factory", max_length=8).export
    (note,) = (note for note in told.notes if "no row was rendered" in note)
    assert "rows of more than 8 tokens are exported, and LLaMA-Factory cuts" in note
    assert account(told, "over_length")[0] == "changed"
    (line,) = lines_of(tmp_path / "out" / "rows.jsonl")
    assert not {"tokens", "trained"} & set(line)


def test_axolotl_gets_a_line_for_each_answer_where_the_template_rewrites_earlier_turns(tmp_path: Path) -> None:
    first = SHORT["messages"]
    thinking = [turn("user", "c"), turn("assistant", "d", reasoning_content="hm")]
    rows = [chat(*thinking, *first), SHORT]
    told = rendered(tmp_path, rows, "axolotl", template=THINKING)
    assert (told.splits["train"].lines, told.splits["train"].history) == (3, 3)
    told = rendered(tmp_path, [chat(*first, *first), SHORT], "axolotl", force=True)
    assert (told.splits["train"].lines, told.splits["train"].history) == (2, 0)


@pytest.mark.parametrize("to", ["trl", "axolotl"])
def test_keys_of_messages_that_no_template_knows_stay_behind_and_are_counted(tmp_path: Path, to: str) -> None:
    row = chat(turn("user", "a", annotator="Jo", name="bob"), turn("assistant", "b", created=1, reasoning_content="hm"))
    told = made(tmp_path, [row], to).export
    written = (tmp_path / "out" / "data" / "train.jsonl").read_text()
    assert "Jo" not in written
    assert "created" not in written
    assert "bob" in written
    assert "hm" in written
    assert {what.partition(":")[0] for what in told.splits["train"].lost} == {
        "/messages/*/annotator",
        "/messages/*/created",
    }


def test_axolotl_refuses_the_reasoning_of_a_preference(tmp_path: Path) -> None:
    pair = {
        "prompt": [turn("user", "a", name="bob")],
        "chosen": [turn("assistant", "b", reasoning_content="hm")],
        "rejected": [turn("assistant", "c")],
    }
    with pytest.raises(InputError, match="reasoning beside the content"):
        made(tmp_path, [pair], "axolotl")
    told = made(tmp_path, [{**pair, "chosen": [turn("assistant", "b")]}], "axolotl").export
    assert list(told.splits["train"].lost) == ["/messages/*/name: Axolotl does not read it of a preference"]


def test_rows_with_tools_are_counted_where_they_are_written_otherwise(tmp_path: Path) -> None:
    rows = [SHORT, {**SHORT, "tools": TOOLS}, *rows_of_calls()]
    told = made(tmp_path, rows, "llama-factory").export
    assert [note for note in told.notes if note.startswith("train: 4 rows with tools or calls")]


def test_beta_is_not_carried_for_chats(tmp_path: Path) -> None:
    told = made(tmp_path, [SHORT], beta=0.5, dry_run=True).export
    assert "beta = 0.5 is not carried" in " ".join(told.notes)


def test_what_is_no_model_and_no_template_is_refused(tmp_path: Path) -> None:
    data = [str(write_rows(tmp_path / "rows.jsonl", [SHORT]))]
    with pytest.raises(InputError, match="no model folder at"):
        export(data, tmp_path / "out", to="trl", options=options_of("./missing/model"), dry_run=True)
    (tmp_path / "broken.jinja").write_text("{% for %}")
    with pytest.raises(InputError, match=r"the chat template .*broken\.jinja"):
        made(tmp_path, [SHORT], chat_template=str(tmp_path / "broken.jinja"))
    assert not (tmp_path / "out").exists()
