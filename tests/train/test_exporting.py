"""What an export writes and refuses: rows, weights, settings, the folder."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import ConfigError, InputError, OutputError, UsageError
from audit.model import Json
from audit.train.exporting.lines import Times
from audit.train.exporting.options import ExportOptions, read_options
from audit.train.exporting.running import export
from audit.train.exporting.settings import Setting, yaml_of
from audit.train.options import TrainOptions
from audit.train.runs.gating import GateFailed
from tests.train.exported import (
    WAIVER,
    options_of,
    rows_of_calls,
    rows_of_chats,
    settings_of,
    turn,
    write_rows,
)

TRAINERS = ("trl", "axolotl", "llama-factory")
WEIGHED = settings_of(weight="metadata.weight")


def written(folder: Path, rows: list[Any], to: str = "trl", settings: Any = None, **given: Any) -> list[dict[str, Any]]:
    """The training lines of an export."""
    made(folder, rows, to, settings, **given)
    return lines_of(folder / "out" / "data" / "train.jsonl")


def made(folder: Path, rows: list[Any], to: str = "trl", settings: Any = None, **given: Any) -> Any:
    """An export into ``folder / "out"``."""
    data = write_rows(folder / "rows.jsonl", rows)
    how = {name: given.pop(name) for name in ("force", "dry_run") if name in given}
    options = options_of("org/model", **given)
    settings = settings or settings_of()
    return export([str(data)], folder / "out", to=to, options=options, settings=settings, waive=WAIVER, **how)


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def chat(*turns: dict[str, Json], **more: Json) -> dict[str, Json]:
    return {"messages": list(turns), **more}


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
    with pytest.raises(ConfigError, match="beta"):
        read_options(settings_of(), {"model": "org/model", "beta": 3})
    with pytest.raises(ConfigError, match="lowering"):
        read_options(settings_of(), {"model": "org/model", "lowering": "halve"})


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text('ab"\\\n: #é\u2028'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab: ", min_size=1), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.from_regex(r"[a-m]{1,5}_", fullmatch=True), VALUES, max_size=3))
def test_yaml_reads_back_what_was_written(config: dict[str, Json]) -> None:
    assert (yaml.safe_load(yaml_of(config, "a heading")) or {}) == config


# ----------------------------------------------------------------------------- the folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("to", TRAINERS)
def test_the_same_data_and_settings_give_the_same_bytes(tmp_path: Path, to: str) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        made(tmp_path / name, rows_of_chats(), to, WEIGHED, hold_out=0.3)
    first, second = (contents(tmp_path / name / "out") for name in ("one", "two"))
    assert first == second
    assert {"export.json", "gate.json", "rows.jsonl", "data/train.jsonl", "data/validation.jsonl"} <= set(first)
    assert not any(str(tmp_path).encode() in content for content in first.values())


def test_a_dry_run_writes_nothing_and_counts_the_same(tmp_path: Path) -> None:
    dry = made(tmp_path, rows_of_chats(), "trl", WEIGHED, dry_run=True).export
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.jsonl"]
    real = made(tmp_path, rows_of_chats(), "trl", WEIGHED).export
    assert (dry.splits, dry.settings, dry.gate) == (real.splits, real.settings, None)
    assert dry.files.items() <= real.files.items()


def test_force_replaces_only_what_an_export_wrote(tmp_path: Path) -> None:
    made(tmp_path, rows_of_chats(), "trl")
    with pytest.raises(OutputError, match="holds an export already"):
        made(tmp_path, rows_of_chats(), "axolotl")
    (tmp_path / "out" / "output").mkdir()
    (tmp_path / "out" / "output" / "model").write_text("trained")
    made(tmp_path, rows_of_chats(), "axolotl", force=True)
    names = set(contents(tmp_path / "out"))
    assert "output/model" in names
    assert "axolotl.yaml" in names
    assert not names & {"trl.yaml", "data/README.md"}


def test_what_was_changed_since_is_not_replaced(tmp_path: Path) -> None:
    made(tmp_path, rows_of_chats(), "trl")
    before = contents(tmp_path / "out")
    with (tmp_path / "out" / "trl.yaml").open("a") as file:
        file.write("seed: 1\n")
    with pytest.raises(OutputError, match=r"trl\.yaml was changed"):
        made(tmp_path, rows_of_chats(), "trl", force=True)
    assert contents(tmp_path / "out").keys() == before.keys()


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "export.json").write_text('{"schema": "audit.export/1", "files": {"../rows.jsonl": {}}}')
    for force in (False, True):
        with pytest.raises(OutputError, match="no export's"):
            made(tmp_path, rows_of_chats(), force=force)
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="is a file"):
        export([str(tmp_path / "rows.jsonl")], tmp_path / "file", to="trl", options=options_of("org/model"))


def test_data_is_never_written_over(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "rows.jsonl", rows_of_chats())
    with pytest.raises(OutputError, match="which the run reads"):
        export([str(data)], tmp_path, to="trl", options=options_of("org/model"), settings=settings_of())


def test_an_export_that_is_refused_leaves_the_earlier_one(tmp_path: Path) -> None:
    made(tmp_path, rows_of_chats(), "trl")
    before = contents(tmp_path / "out")
    with pytest.raises(InputError):
        made(tmp_path, [*rows_of_chats(), chat(turn("assistant", "x"))], "trl", force=True)
    assert contents(tmp_path / "out") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "rows.jsonl"]


def test_the_gate_comes_first(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "rows.jsonl", rows_of_chats(6) * 3)
    with pytest.raises(GateFailed):
        export([str(data)], tmp_path / "out", to="trl", options=options_of("org/model"), settings=settings_of())
    assert not (tmp_path / "out").exists()
    report = made(tmp_path, rows_of_chats(6) * 3)
    assert report.export.gate.verdict == "FAIL"
    assert report.export.gate.waiver.who == "A. Jones"


def test_an_unknown_trainer_is_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no export to 'axolotle'") as refused:
        made(tmp_path, rows_of_chats(), "axolotle")
    assert "axolotl" in (refused.value.hint or "")


def test_a_model_in_a_folder_is_named_as_seen_from_the_export(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_text("{}")
    data = write_rows(tmp_path / "rows.jsonl", rows_of_chats())
    options = options_of(tmp_path / "base", chat_template="chatml", max_steps=3)
    export([str(data)], tmp_path / "a" / "out", to="trl", options=options, settings=settings_of(), waive=WAIVER)
    config = yaml.safe_load((tmp_path / "a" / "out" / "trl.yaml").read_text())
    assert config["model_name_or_path"] == "../../base"
    assert config["chat_template_path"] == "chat_template.jinja"
    assert config["max_steps"] == 3
    assert "<|im_start|>" in (tmp_path / "a" / "out" / "chat_template.jinja").read_text()
    assert isinstance(options, ExportOptions)
