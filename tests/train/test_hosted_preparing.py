"""What is handed to a provider: files without what it does not take, judged before, quoted, the same bytes again."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from audit.config.settings import Ignore, Settings
from audit.errors import ConfigError, InputError, UsageError
from audit.train.hosted.preparing import prepare
from audit.train.hosted.uploaded import handed_in, line_at, origins, uploaded_rows
from benchmarks.accuracy import SHARED
from tests.train.hosted_rows import chat, lines, options, pair, prepared, write

WEIGHED = Settings(jobs=1, sections={"data": {"weight": "weight"}})


def file(folder: Path, name: str = "train.jsonl") -> Path:
    return folder / "out" / name


# ----------------------------------------------------------------------------- the files


def test_rows_are_handed_in_in_their_order_without_metadata_ids_and_weights(tmp_path: Path) -> None:
    rows = [chat(number, metadata={"name": "Ada"}, id=f"row-{number}", weight=1) for number in range(10)]
    found = prepared(rows, tmp_path)
    assert lines(file(tmp_path)) == [chat(number) for number in range(10)]
    told = found.files["train"]
    assert (told.name, told.rows, told.bytes) == ("train.jsonl", 10, file(tmp_path).stat().st_size)
    assert told.sha256 == sha256(file(tmp_path).read_bytes()).hexdigest()
    assert found.method == "supervised"
    assert sum(found.lost["train"].values()) == 30
    assert any(note.startswith("left behind in rows for train: /id") for note in found.notes)


def test_every_line_names_the_row_that_it_was_made_of(tmp_path: Path) -> None:
    prepared([chat(number) for number in range(10)], tmp_path)
    told = list(uploaded_rows(tmp_path / "out"))
    assert [(one.role, one.line, one.file, one.row_line, one.copy) for one in told] == [
        ("train", number, "chats.jsonl", number, 1) for number in range(1, 11)
    ]
    rows = lines(file(tmp_path, "rows.jsonl"))
    assert [one["row_id"] for one in rows] == [one.row_id for one in told]
    assert {(one["outcome"], one["examples"]) for one in rows} == {("used", 1)}
    assert line_at(tmp_path / "out", "train", 3) == chat(2)
    assert line_at(tmp_path / "out", "train", 99) == {}
    assert set(origins(tmp_path / "out", {("train", 4), ("train", 400)})) == {("train", 4)}


def test_the_same_data_gives_the_same_bytes(tmp_path: Path) -> None:
    rows = [chat(number, weight=1 + number % 3) for number in range(40)]
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = (prepared(rows, tmp_path / name, WEIGHED, hold_out=0.3) for name in ("one", "two"))
    assert one == two
    written = [
        {path.name: path.read_bytes() for path in (tmp_path / name / "out").iterdir()} for name in ("one", "two")
    ]
    assert written[0] == written[1]
    assert set(written[0]) == {"train.jsonl", "validation.jsonl", "uploaded.jsonl", "rows.jsonl", "accounting.json"}


def test_held_out_rows_are_the_validation_file_and_every_row_is_in_one_of_both(tmp_path: Path) -> None:
    found = prepared([chat(number) for number in range(60)], tmp_path, hold_out=0.4)
    assert found.files["train"].rows + found.files["validation"].rows == 60
    assert [one.role for one in uploaded_rows(tmp_path / "out")] == sorted(
        ["train"] * found.files["train"].rows + ["validation"] * found.files["validation"].rows
    )
    assert found.quote["rows"] == found.files["train"].rows
    assert found.quote["validation_rows"] == found.files["validation"].rows
    assert found.quote["validation_tokens"] > 0


def test_preferences_are_learnt_by_dpo_or_by_their_preferred_answers(tmp_path: Path) -> None:
    rows = [pair(number) for number in range(10)]
    found = prepared(rows, tmp_path)
    assert found.method == "dpo"
    assert any("of two answers the longer one is counted" in note for note in found.notes)
    assert lines(file(tmp_path)) == rows
    assert prepared(rows, tmp_path, method="supervised").method == "supervised"
    assert lines(file(tmp_path)) == [chat(number) for number in range(10)]


def test_a_method_or_a_beta_that_does_not_fit_the_rows_is_refused(tmp_path: Path) -> None:
    rows = [chat(number) for number in range(10)]
    with pytest.raises(ConfigError, match="no preferred and rejected answers"):
        prepared(rows, tmp_path, method="dpo")
    with pytest.raises(ConfigError, match="beta belongs to method dpo"):
        prepared(rows, tmp_path, beta=0.1)


def test_weights_become_copies_and_the_account_says_what_they_are_worth(tmp_path: Path) -> None:
    rows = [chat(number, weight=3 if number < 5 else 1) for number in range(20)]
    found = prepared(rows, tmp_path, WEIGHED, lowering="oversample")
    assert (found.files["train"].rows, found.quote["rows"]) == (30, 30)
    assert (found.lowering["made"], found.lowering["most"]) == (30, 3)
    account: Any = found.splits["train"]
    assert (account["rows"], account["used"], account["examples"]) == (20, 20, 30)
    assert account["effective_rows"] == pytest.approx(30**2 / (5 * 9 + 15))
    assert [one.copy for one in uploaded_rows(tmp_path / "out")] == [1] * 20 + [2] * 5 + [3] * 5
    with pytest.raises(UsageError, match="weight"):
        prepared(rows, tmp_path, WEIGHED, lowering="refuse")


def test_equal_weights_are_no_lowering(tmp_path: Path) -> None:
    assert prepared([chat(number) for number in range(10)], tmp_path).lowering == {}


def test_text_that_utf8_cannot_hold_and_any_script_is_handed_in_as_it_was(tmp_path: Path) -> None:
    odd = ["\u2028", "\ud83d\ude00", "é", "\x85", '"\\', "日本"]
    rows = [chat(number) for number in range(10)]
    for number, text in enumerate(odd):
        rows[number]["messages"][0]["content"] = text
    prepared(rows, tmp_path)
    assert list(handed_in(tmp_path / "out", "train")) == json.loads(json.dumps(rows))


# ----------------------------------------------------------------------------- what a provider would refuse


def test_what_a_provider_would_refuse_is_named_by_the_users_row_before_anything_is_handed_in(tmp_path: Path) -> None:
    rows = [chat(number) for number in range(14)]
    rows[3]["messages"][1]["content"] = "It ends<|endoftext|>"
    rows[8]["messages"].append({"role": "user", "content": "And then?"})
    with pytest.raises(InputError) as error:
        prepared(rows, tmp_path)
    assert error.value.what.startswith("OpenAI supervised fine-tuning would refuse the rows for train: ")
    assert "chats.jsonl:4 /messages/1/content TOK307 " in error.value.what
    assert "chats.jsonl:9 " in error.value.what
    assert "FMT105" in error.value.what
    assert "out" not in error.value.what.split()
    assert "--target openai-sft" in str(error.value.hint)


def test_fewer_rows_than_a_provider_takes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="FMT114 the train data has 9 rows; openai-sft takes at least 10"):
        prepared([chat(number) for number in range(9)], tmp_path)


def test_a_small_validation_file_is_told_and_a_large_hold_out_is_named(tmp_path: Path) -> None:
    names = {"train": range(12), "validation": range(20, 23)}
    splits = tuple((name, write(tmp_path / f"{name}.jsonl", [chat(n) for n in some])) for name, some in names.items())
    (tmp_path / "out").mkdir()
    found = prepare([], options(), Settings(jobs=1, splits=splits), tmp_path / "out")
    assert found.files["validation"].rows == 3
    assert any(note.startswith("the rows for validation: FMT114 too-few-rows for a training") for note in found.notes)
    with pytest.raises(InputError, match="FMT114") as error:
        prepared([chat(number) for number in range(14)], tmp_path, hold_out=0.8)
    assert "--hold-out" in str(error.value.hint)


def test_damaged_text_and_a_conversation_without_a_user_are_told(tmp_path: Path) -> None:
    rows = [chat(number) for number in range(12)]
    rows[2]["messages"][0]["content"] = "what \ufffd is"
    rows[4]["messages"] = rows[4]["messages"][1:]
    notes = prepared(rows, tmp_path).notes
    assert any(note.startswith("1 of the lines for train hold U+FFFD") for note in notes)
    assert "1 of the lines for train have no turn of a user" in notes


def test_of_many_rows_ten_are_named_and_the_others_counted(tmp_path: Path) -> None:
    rows = [chat(number) for number in range(30)]
    for row in rows:
        row["messages"].append({"role": "user", "content": "And then?"})
    with pytest.raises(InputError, match=r"chats.jsonl:10 .*; and 20 more$") as error:
        prepared(rows, tmp_path)
    assert error.value.what.count("FMT105") == 10


def test_copies_of_a_refused_row_are_named_once(tmp_path: Path) -> None:
    rows = [chat(number, weight=1) for number in range(12)]
    rows[2] = chat(2, weight=9)
    rows[2]["messages"][1]["content"] = "<|fim_suffix|>"
    with pytest.raises(InputError) as error:
        prepared(rows, tmp_path, WEIGHED, lowering="oversample")
    assert error.value.what.count("chats.jsonl:3") == 1


@pytest.mark.parametrize(
    "silencing",
    [
        {"ignores": (Ignore(code="TOK", reason="r", owner="A", expires=None),)},
        {"ignore": ("TOK307",)},
        {"select": ("ENC",)},
        {"rules": {"TOK302": {"min_trainable": 0}}, "target": "trl"},
    ],
    ids=["ignores", "ignore", "select", "target"],
)
def test_no_setting_of_the_user_silences_what_a_provider_refuses(tmp_path: Path, silencing: dict[str, Any]) -> None:
    rows = [chat(number) for number in range(12)]
    rows[3]["messages"][1]["content"] = "It ends<|endoftext|>"
    with pytest.raises(InputError, match="TOK307"):
        prepared(rows, tmp_path, Settings(jobs=1, **silencing))


def test_control_tokens_of_other_families_are_told_and_not_refused(tmp_path: Path) -> None:
    rows = [chat(number) for number in range(12)]
    rows[3]["messages"][0]["content"] = "[INST] What? [/INST]"
    found = prepared(rows, tmp_path)
    assert "the rows for train: TOK306 special-token-in-text in 1 row, first chats.jsonl:4" in found.notes


def test_rows_that_are_too_long_are_cut_by_the_provider_and_told(tmp_path: Path) -> None:
    rows = [chat(number) for number in range(12)]
    rows[5]["messages"][0]["content"] = "so it goes on " * 20_000
    found = prepared(rows, tmp_path)
    assert (found.quote["over_limit"], found.quote["limit"]) == (1, 65_536)
    assert any("TOK301" in note and "chats.jsonl:6" in note and "cuts" in note for note in found.notes)
    total: Any = found.splits["train"]
    assert total["tokens"] > found.quote["tokens"] > 65_536


def test_azure_files_are_judged_as_azures(tmp_path: Path) -> None:
    rows = [pair(number) for number in range(10)]
    assert prepared(rows, tmp_path, provider="azure").method == "dpo"
    rows[4]["preferred_output"][0]["content"] = "<|endoftext|>"
    with pytest.raises(InputError, match="Azure AI Foundry"):
        prepared(rows, tmp_path, provider="azure")


@pytest.mark.parametrize(
    "row",
    [
        "no object",
        {},
        {"messages": "none"},
        {"messages": [{"role": "user", "content": "\ud800"}]},
        {"messages": [{"role": "user", "content": "u"}, {"role": "assistant", "content": 7}]},
        {"messages": [], "tools": [[[]]]},
    ],
    ids=str,
)
def test_a_hostile_row_is_refused_by_name_and_never_a_crash(tmp_path: Path, row: Any) -> None:
    rows = [*[chat(number) for number in range(12)], row]
    with pytest.raises(InputError, match=r"chats.jsonl(:| line )13"):
        prepared(rows, tmp_path)


def test_rows_of_which_no_chat_can_be_made_can_be_left_out(tmp_path: Path) -> None:
    found = prepared([*[chat(number) for number in range(12)], "no object", {}], tmp_path, unusable="drop")
    assert found.files["train"].rows == 12
    account: Any = found.splits["train"]
    assert account["dropped"] == {"unreadable": 2}


def test_a_row_that_teaches_nothing_good_but_is_taken_is_told_and_not_refused(tmp_path: Path) -> None:
    rows = [chat(number) for number in range(12)]
    rows[2]["messages"][1]["content"] = ""
    rows[7]["messages"][0]["content"] = "a \x00 and a \ud800"
    notes = prepared(rows, tmp_path).notes
    assert "the rows for train: FMT109 empty-content in 1 row, first chats.jsonl:3" in notes
    assert "the rows for train: ENC007 control-character in 1 row, first chats.jsonl:8" in notes


# ----------------------------------------------------------------------------- the quote


def test_the_quote_names_tokens_epochs_price_and_the_day_of_the_price(tmp_path: Path) -> None:
    found = prepared([chat(number) for number in range(100)], tmp_path, epochs=2)
    quote: Any = found.quote
    assert (quote["epochs"], quote["epochs_by"], quote["rows"]) == (2, "asked", 100)
    assert quote["cost"] == pytest.approx(quote["tokens"] * 2 * 3.0 / 1e6, abs=1e-6)
    assert (quote["per_million"], quote["priced"], quote["currency"]) == (3.0, "gpt-4o-mini", "USD")
    assert quote["price_as_of"] == "2026-11-21"
    assert quote["unquoted"] == ""


def test_epochs_that_the_provider_chooses_are_said_to_be_an_estimate(tmp_path: Path) -> None:
    found = prepared([chat(number) for number in range(10)], tmp_path)
    assert (found.quote["epochs"], found.quote["epochs_by"]) == (10, "provider")
    assert any("--epochs fixes it" in note for note in found.notes)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"model": "gpt-9-of-tomorrow"}, "no price of gpt-9-of-tomorrow for openai-sft is in the table of 2026-11-21"),
        ({"base_url": "http://localhost:1/v1"}, "and http://localhost:1/v1 may have others"),
        ({"provider": "azure"}, "no price of azure/gpt-4o-mini-2024-07-18 for azure"),
    ],
    ids=["model", "address", "azure"],
)
def test_what_nobody_knows_the_price_of_is_not_quoted_and_a_limit_cannot_be_kept(
    tmp_path: Path, told: dict[str, Any], why: str
) -> None:
    rows = [chat(number) for number in range(10)]
    found = prepared(rows, tmp_path, **told)
    assert found.quote["cost"] is None
    assert why in str(found.quote["unquoted"])
    with pytest.raises(UsageError, match=r"under \$5.00 cannot be told: "):
        prepared(rows, tmp_path, Settings(jobs=1, max_cost=5), **told)


def test_tools_make_an_estimate_of_the_quote_and_images_a_lower_bound(tmp_path: Path) -> None:
    rows = [chat(number) for number in range(12)]
    assert prepared(rows, tmp_path).quote["exact"] is True
    rows[3]["tools"] = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    found = prepared(rows, tmp_path)
    assert (found.quote["exact"], found.quote["estimated"], found.quote["media"]) == (False, 1, 0)
    assert prepared(rows, tmp_path, Settings(jobs=1, max_cost=5)).quote["cost"] < 5
    rows[7]["functions"] = [{"name": "f", "parameters": {"type": "object"}}]
    assert prepared(rows, tmp_path).quote["estimated"] == 2
    picture = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    rows[5]["messages"][0]["content"] = [picture, {"type": "text", "text": "What is it?"}]
    found = prepared(rows, tmp_path)
    assert any("(1 in the training rows) are not counted: tokens and cost are at least these" in n for n in found.notes)
    with pytest.raises(UsageError, match="cannot be told: the tokens of images"):
        prepared(rows, tmp_path, Settings(jobs=1, max_cost=5))
    with pytest.raises(UsageError, match="training costs"):
        prepared(rows, tmp_path, Settings(jobs=1, max_cost=1e-9))


def test_the_tokenizer_of_another_model_does_not_count_for_a_known_one(tmp_path: Path) -> None:
    rows = [chat(number) for number in range(12)]
    found = prepared(rows, tmp_path, Settings(jobs=1, tokenizer="cl100k_base"))
    assert (found.quote["tokenizer"], found.quote["exact"]) == ("o200k_base", True)
    assert f"--tokenizer cl100k_base is not used: {options().model} reads o200k_base" in found.notes


def test_what_nobody_counted_is_no_zero(tmp_path: Path) -> None:
    sections: Any = {"data": {"label": "label"}}
    rows = [chat(number, label="ab"[number % 2]) for number in range(20)]
    account: Any = prepared(rows, tmp_path, Settings(jobs=1, sections=sections)).splits["train"]
    assert account["tokens"] > account["trained"] > 0
    assert account["longest"] is None
    assert account["by_class"]["a"] == {"rows": 10, "tokens": None, "trained": None, "mass": 10.0}
    assert not {"tokens", "trained"} & set(lines(file(tmp_path, "rows.jsonl"))[0])


def test_a_job_that_costs_more_than_allowed_is_refused_with_the_sum(tmp_path: Path) -> None:
    rows = [chat(number) for number in range(200)]
    settings = Settings(jobs=1, max_cost=0.001)
    with pytest.raises(UsageError, match=r"training costs \$0\.0\d+ \(.* tokens, 3 epochs, \$3 per million"):
        prepared(rows, tmp_path, settings, epochs=3)
    assert prepared(rows, tmp_path, Settings(jobs=1, max_cost=1), epochs=3).quote["cost"] < 1


# ----------------------------------------------------------------------------- real data


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is absent")
def test_a_public_tool_calling_set_can_be_handed_in(tmp_path: Path) -> None:
    data = str(SHARED / "chat" / "glaive-toolcall-en.jsonl.gz")
    found = prepare([data], options(unusable="drop"), Settings(jobs=1), tmp_path)
    assert found.files["train"].rows == 300
    assert found.quote["cost"] > 0


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is absent")
@pytest.mark.parametrize("unusable", ["error", "drop"])
def test_broken_public_rows_are_refused_by_name(tmp_path: Path, unusable: str) -> None:
    data = str(SHARED / "raw" / "mutants-dev" / "broken.jsonl.gz")
    with pytest.raises(InputError, match=r"broken\.jsonl\.gz(:| line )\d+"):
        prepare([data], options(unusable=unusable), Settings(jobs=1), tmp_path)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is absent")
def test_clean_public_rows_are_handed_in_whole(tmp_path: Path) -> None:
    found = prepare([str(SHARED / "raw" / "mutants-dev" / "clean.jsonl")], options(), Settings(jobs=1), tmp_path)
    assert found.files["train"].rows == 704
    assert found.lost == {}


def test_a_split_of_another_name_is_told_and_not_handed_in(tmp_path: Path) -> None:
    names = {"train": range(12), "test": range(20, 25)}
    splits = tuple((name, write(tmp_path / f"{name}.jsonl", [chat(n) for n in some])) for name, some in names.items())
    (tmp_path / "out").mkdir()
    found = prepare([], options(), Settings(jobs=1, splits=splits), tmp_path / "out")
    assert set(found.files) == {"train"}
    assert "the 5 rows of the split test are not handed in" in found.notes
    assert [one["outcome"] for one in lines(file(tmp_path, "rows.jsonl"))] == ["used"] * 12 + ["other_split"] * 5
