"""What an export writes and refuses: rows, weights, settings."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import ConfigError, InputError, UsageError
from audit.model import Json
from audit.train.exporting.lines import Times
from audit.train.exporting.options import read_options
from audit.train.exporting.settings import Setting, yaml_of
from audit.train.options import TrainOptions
from tests.train.exported import (
    TOOLS,
    TRAINERS,
    chat,
    lines_of,
    made,
    rows_of_calls,
    rows_of_chats,
    settings_of,
    turn,
)

WEIGHED = settings_of(weight="metadata.weight")


def written(folder: Path, rows: list[Any], to: str = "trl", settings: Any = None, **given: Any) -> list[dict[str, Any]]:
    """The training lines of an export."""
    made(folder, rows, to, settings, **given)
    return lines_of(folder / "out" / "data" / "train.jsonl")


# ----------------------------------------------------------------------------- rows


def test_trl_gets_a_line_for_each_answer_that_is_trained_on(tmp_path: Path) -> None:
    row = chat(
        turn("user", "a"),
        turn("assistant", "b", weight=0),
        turn("user", "c"),
        turn("assistant", "d"),
        metadata={"x": 1},
    )
    (line,) = written(tmp_path, [row])
    assert line["completion"] == [{"role": "assistant", "content": "d"}]
    assert [one["content"] for one in line["prompt"]] == ["a", "b", "c"]
    assert line["tools"] is None
    assert set(line) == {"prompt", "completion", "tools"}


def test_axolotl_is_told_of_every_message_whether_it_is_trained_on(tmp_path: Path) -> None:
    row = chat(turn("user", "a"), turn("assistant", "b", weight=0), turn("user", "c"), turn("assistant", "d"))
    (line,) = written(tmp_path, [row], "axolotl")
    messages = json.loads(line["messages"])
    assert [(one["content"], one["train"]) for one in messages] == [
        ("a", False),
        ("b", False),
        ("c", False),
        ("d", True),
    ]
    assert not any("weight" in one for one in messages)


def test_llama_factory_gets_turns_that_end_with_the_trained_answer(tmp_path: Path) -> None:
    row = chat(
        turn("system", "s"), turn("user", "a"), turn("assistant", "b"), turn("user", "c"), turn("assistant", "d")
    )
    lines = written(tmp_path, [row], "llama-factory")
    assert [[one["value"] for one in line["conversations"]] for line in lines] == [
        ["s", "a", "b"],
        ["s", "a", "b", "c", "d"],
    ]
    assert all(set(one) == {"from", "value"} for line in lines for one in line["conversations"])
    info = json.loads((tmp_path / "out" / "data" / "dataset_info.json").read_text())
    assert info["train"]["file_name"] == "train.jsonl"


def test_tool_arguments_stay_objects_in_their_order(tmp_path: Path) -> None:
    line = written(tmp_path, rows_of_calls())[0]
    (call,) = line["completion"][0]["tool_calls"]
    assert list(call["function"]["arguments"].items()) == [("z", 1), ("a", "2024-05-01")]
    assert json.loads(line["tools"])[0]["function"]["name"] == "look"


@pytest.mark.parametrize("to", TRAINERS)
def test_the_weights_of_rows_become_copies_within_one(tmp_path: Path, to: str) -> None:
    rows = [row for row in rows_of_chats(60) if len(row["messages"]) <= 3]
    report = made(tmp_path, rows, to, WEIGHED).export
    told = lines_of(tmp_path / "out" / "rows.jsonl")
    lowering = report.splits["train"].lowering
    assert lowering is not None
    assert all(abs(one["examples"] - one["weight"] * lowering["scale"]) <= 1 for one in told)
    assert sum(one["examples"] for one in told) == report.splits["train"].lines


def test_refuse_stops_where_weights_differ(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="refuse"):
        made(tmp_path, rows_of_chats(), "trl", WEIGHED, lowering="refuse")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("to", "row", "why"),
    [
        ("trl", chat(turn("assistant", "hello")), "nothing stands before its first answer"),
        ("llama-factory", chat(turn("user", "a"), turn("user", "b"), turn("assistant", "c")), "do not alternate"),
        ("trl", chat(turn("user", "a"), turn("assistant", "b\ud800")), "half a surrogate pair"),
        ("axolotl", chat(turn("user", [{"type": "image_url"}]), turn("assistant", "b")), "not text alone"),
        ("trl", chat(turn("user", "a"), turn("assistant", "b", weight=0)), "no turn of it carries loss"),
        ("trl", chat(turn("user", "a"), turn("assistant", "b", weight=0.5)), "counts for 0.5"),
        (
            "llama-factory",
            chat(turn("user", "a"), turn("assistant", "b", reasoning_content="hm")),
            "reasoning beside the content",
        ),
        *(
            (to, chat(*turns, **more), why)
            for to in TRAINERS
            for turns, more, why in (
                ((turn("user", "a"), turn("assistant", None)), {}, "the message at /messages/1 has no content"),
                ((turn("user", None), turn("assistant", "b")), {}, "the message at /messages/0 has no content"),
                ((turn("user", "a"), turn("assistant", [{"type": "text", "text": 5}])), {}, "not text alone"),
                ((turn("user", "a"), turn("assistant", [{"type": "text"}])), {}, "not text alone"),
                ((turn("user", "a"), turn("assistant", "b")), {"tools": [*TOOLS, 1]}, "the tool at /tools/1"),
                ((turn("user", "a"), turn("assistant", "b")), {"tools": [{"function": 3}]}, "the tool at /tools/0"),
                ((turn("user", "a"), turn("assistant", "b")), {"tools": {"a": 1}}, "no list of definitions"),
                (
                    (turn("user", "a"), turn("assistant", None, tool_calls=[{"function": {"arguments": "{}"}}])),
                    {},
                    "names no function",
                ),
            )
        ),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_said_there_is_named(tmp_path: Path, to: str, row: dict[str, Json], why: str) -> None:
    with pytest.raises(InputError, match=why) as refused:
        made(tmp_path, [*rows_of_chats(3), row], to)
    assert "rows.jsonl line 4" in refused.value.what
    lines = written(tmp_path, [*rows_of_chats(3), row], to, unusable="drop")
    assert lines
    assert len(lines_of(tmp_path / "out" / "rows.jsonl")) == 4


@pytest.mark.parametrize("to", TRAINERS)
def test_rows_without_weight_leave_nothing_to_export(tmp_path: Path, to: str) -> None:
    rows = [{**row, "metadata": {"weight": 0}} for row in rows_of_chats(2)]
    with pytest.raises(InputError, match="none of the 2 rows"):
        made(tmp_path, rows, to, WEIGHED)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("to", TRAINERS)
def test_an_empty_file_is_an_input_error(tmp_path: Path, to: str) -> None:
    with pytest.raises(InputError):
        made(tmp_path, [], to, dry_run=True)


@pytest.mark.parametrize("to", TRAINERS)
def test_hostile_rows_are_left_out_by_name(tmp_path: Path, to: str) -> None:
    hostile: list[Any] = [1, "x", None, [], {}, {"messages": None}, {"messages": [{"role": 1}]}, chat(turn("user", 3))]
    lines = written(tmp_path, [*rows_of_chats(1), *hostile], to, unusable="drop")
    assert lines
    assert len(lines_of(tmp_path / "out" / "rows.jsonl")) == 1 + len(hostile)


def test_mixed_kinds_are_refused(tmp_path: Path) -> None:
    pair = {"prompt": [turn("user", "a")], "chosen": [turn("assistant", "b")], "rejected": [turn("assistant", "c")]}
    with pytest.raises(InputError, match="preferred"):
        made(tmp_path, [*rows_of_chats(1), pair])


def test_answers_that_are_dates_alone_are_refused_where_the_reader_guesses_types(tmp_path: Path) -> None:
    rows = [
        {
            "prompt": [turn("user", f"{at}?")],
            "chosen": [turn("assistant", f"2024-05-0{at + 1}")],
            "rejected": [turn("assistant", "no")],
        }
        for at in range(3)
    ]
    for to, place in (("axolotl", "/chosen/content"), ("llama-factory", "/chosen/value")):
        with pytest.raises(InputError, match=re.escape(f"every text at {place} of the split train is a date")):
            made(tmp_path, rows, to)
    made(tmp_path, rows, "trl")
    assert "list: json" in (tmp_path / "out" / "data" / "README.md").read_text()


@given(st.lists(st.sampled_from(["2024-05-01", "2024-05-01T10:00:00Z", "2024-05-01 10:00", "x", ""]), min_size=1))
def test_a_column_of_times_has_nothing_else_in_it(texts: list[str]) -> None:
    times = Times()
    for text in texts:
        times.see({"a": [{"b": text}]})
    assert times.columns() == (["/a/*/b"] if all(text.startswith("2024") for text in texts) else [])


# ----------------------------------------------------------------------------- settings


@pytest.mark.parametrize("to", TRAINERS)
@pytest.mark.parametrize("method", ["lora", "full", "qlora"])
def test_every_setting_is_accounted_for(tmp_path: Path, to: str, method: str) -> None:
    report = made(tmp_path, rows_of_chats(), to, dry_run=True, method=method, hold_out=0.3).export
    assert tuple(one.name for one in report.settings) == TrainOptions.__struct_fields__
    assert all(one.why for one in report.settings if one.how in ("changed", "not carried"))


@pytest.mark.parametrize("to", TRAINERS)
@pytest.mark.parametrize(
    "more",
    [
        {"schedule": "constant", "precision": "fp64", "max_length": 99},
        {"schedule": "linear", "max_length": 99, "over_length": "truncate", "seed": 2**40},
        {"early_stopping": "loss", "hold_out": 0.4, "precision": "auto", "tensorboard": True, "merge": True},
        {"chat_template": "chatml", "revision": "main", "lora_targets": ("q_proj", "v_proj"), "max_steps": 1},
        {"unit": "example", "canaries": 2, "lora_targets": "q_proj", "max_steps": 10**6, "device": "auto"},
    ],
)
def test_a_setting_that_was_asked_for_never_counts_as_not_asked_for(
    tmp_path: Path, to: str, more: dict[str, Any]
) -> None:
    report = made(tmp_path, rows_of_chats(), to, dry_run=True, **more).export
    account = {one.name: one for one in report.settings}
    assert not [name for name in more if account[name].how == "not asked for"]


def told(report: Any, name: str) -> Setting:
    (one,) = (one for one in report.export.settings if one.name == name)
    return one  # type: ignore[no-any-return]


def test_settings_say_how_they_were_carried(tmp_path: Path) -> None:
    report = made(tmp_path, rows_of_chats(), "trl", dry_run=True, batch_size=12, max_steps=10**6, seed=2**32 + 5)
    assert told(report, "batch_size").to == {"per_device_train_batch_size": 6, "gradient_accumulation_steps": 2}
    assert told(report, "max_steps").how == "changed"
    assert told(report, "seed").to == {"seed": 5}
    assert told(report, "threads").how == "not carried"
    assert told(report, "hold_out").how == "in the rows"


def test_a_linear_schedule_without_a_fall_is_a_constant_one(tmp_path: Path) -> None:
    report = made(tmp_path, rows_of_chats(), dry_run=True, schedule="linear", lr_floor=1.0)
    assert told(report, "schedule").to == {"lr_scheduler_type": "constant_with_warmup"}
    assert told(report, "lr_floor").how == "carried"


def test_what_a_method_needs_is_not_left_out_in_silence(tmp_path: Path) -> None:
    for to in ("trl", "axolotl"):
        with pytest.raises(UsageError, match="freeze"):
            made(tmp_path, rows_of_chats(), to, dry_run=True, method="freeze")
    report = made(tmp_path, rows_of_chats(), "llama-factory", dry_run=True, method="freeze", train_last=3)
    assert told(report, "train_last").to == {"freeze_trainable_layers": 3}
    with pytest.raises(UsageError, match="whole numbers"):
        made(tmp_path, rows_of_chats(), dry_run=True, lora_alpha=2.5)


def test_the_built_in_model_and_classifiers_cannot_be_exported() -> None:
    with pytest.raises(UsageError, match="tiny"):
        read_options(settings_of())
    with pytest.raises(UsageError, match="classify"):
        read_options(settings_of(), {"model": "org/model", "task": "classify"})


def test_keys_of_a_provider_are_named_as_not_carried() -> None:
    options = read_options(settings_of(), {"model": "org/model", "suffix": "x", "lowering": "refuse", "beta": "0.3"})
    assert (options.provider_keys, options.lowering, options.beta) == (("suffix",), "refuse", 0.3)
    hosted = read_options(settings_of(), {"model": "org/model", "method": "dpo", "provider": "openai"})
    assert (hosted.provider_keys, hosted.train.method) == (("method", "provider"), None)
    with pytest.raises(ConfigError, match="epochs") as refused:
        read_options(settings_of(), {"model": "org/model", "epochs": "auto"})
    assert "audit export" in (refused.value.hint or "")
    with pytest.raises(ConfigError, match="beta"):
        read_options(settings_of(), {"model": "org/model", "beta": 3})
    with pytest.raises(ConfigError, match="lowering"):
        read_options(settings_of(), {"model": "org/model", "lowering": "halve"})


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text('ab"\\\n: #é\u2028\x85\U0001f600'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab: ", min_size=1), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.from_regex(r"[a-m]{1,5}_", fullmatch=True), VALUES, max_size=3))
def test_yaml_reads_back_what_was_written(config: dict[str, Json]) -> None:
    assert (yaml.safe_load(yaml_of(config, "a heading")) or {}) == config
