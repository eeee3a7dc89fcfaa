"""Conversion of files: every row accounted for, untouched rows byte for byte, a file that is whole or absent."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.errors import InputError, OutputError, UsageError
from audit.model import Json
from audit.remedy.convert import Conversion, Skip, convert

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
USER = {"role": "user", "content": "Hi"}
SAID = {"role": "assistant", "content": "Yo"}
CHAT = {"messages": [USER, SAID]}
SHAREGPT = {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Yo"}], "id": "a"}


def save(path: Path, *lines: bytes | dict[str, Json]) -> str:
    path.write_bytes(b"".join((json.dumps(x).encode() if isinstance(x, dict) else x) + b"\n" for x in lines))
    return str(path)


def test_every_row_is_written_or_skipped_with_its_reason(tmp_path: Path) -> None:
    source = save(
        tmp_path / "in.jsonl",
        SHAREGPT,
        b"",
        {"instruction": "Hi", "input": "", "output": "Yo"},
        b'{"messages": [',
        {"what": 1},
        b"[1]",
        {"messages": [USER]},
        CHAT,
    )
    output = tmp_path / "out.jsonl"
    account = convert([source], str(output), "openai-sft")
    assert [json.loads(line) for line in output.read_bytes().splitlines()] == [CHAT] * 3
    assert (account.rows_in, account.rows_written) == (7, 3)
    assert [(skip.line, skip.file) for skip in account.rows_skipped] == [(n, source) for n in (4, 5, 6, 7)]
    assert account.rows_skipped[1].reason == "its keys are those of no known shape"
    assert account.rows_skipped[3] == Skip(7, source, "openai-sft: no assistant answer")
    assert account.lost == {"/id: not carried": 1}
    assert account.shapes == {"alpaca": 1, "openai-sft": 2, "sharegpt": 1, "unknown": 1, "unreadable": 2}


def test_a_row_that_is_as_wanted_keeps_its_bytes(tmp_path: Path) -> None:
    odd = b'{ "messages":[{"content":"\\u0048i", "role":"user"},{"role":"assistant","content":"Yo"}] }'
    output = tmp_path / "out.jsonl"
    account = convert([save(tmp_path / "in.jsonl", odd)], str(output), "openai-sft")
    assert output.read_bytes() == odd + b"\n"
    assert account == Conversion(rows_in=1, rows_written=1, shapes={"openai-sft": 1})


@pytest.mark.parametrize(
    "row",
    [
        b'{"messages": [], "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}',
        b'{"messages": [{"role": "user", "content": "a\xff"}, {"role": "assistant", "content": "b"}]}',
        b'{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "metadata": NaN}',
    ],
)
def test_a_row_whose_bytes_say_more_than_its_value_is_skipped(tmp_path: Path, row: bytes) -> None:
    account = convert([save(tmp_path / "in.jsonl", row)], str(tmp_path / "out.jsonl"), "sharegpt")
    assert (account.rows_written, account.shapes) == (0, {"unreadable": 1})
    assert account.rows_skipped[0].reason


def test_a_lone_surrogate_survives(tmp_path: Path) -> None:
    row = b'{"messages": [{"role": "user", "content": "a\\ud800"}, {"role": "assistant", "content": "b"}]}'
    output = tmp_path / "out.jsonl"
    account = convert([save(tmp_path / "in.jsonl", row)], str(output), "alpaca")
    assert account.rows_written == 1
    assert json.loads(output.read_bytes())["instruction"] == "a\ud800"


def test_losses_are_counted_by_rows_with_list_indices_generalised(tmp_path: Path) -> None:
    named = {"messages": [{**USER, "name": "A"}, SAID, {**USER, "name": "B"}, SAID], "metadata": {"a": 1}, "more": 1}
    account = convert([save(tmp_path / "in.jsonl", named, named)], str(tmp_path / "out.jsonl"), "alpaca")
    assert account.lost == {"/messages/*/name: name": 2, "/more: not carried": 2}


def test_columns_that_both_shapes_know_are_kept(tmp_path: Path) -> None:
    row = {
        "input": {"messages": [USER], "parallel_tool_calls": False},
        "preferred_completion": [SAID],
        "non_preferred_completion": [{"role": "assistant", "content": "No"}],
    }
    output = tmp_path / "out.jsonl"
    account = convert([save(tmp_path / "in.jsonl", row)], str(output), "openai-dpo")
    written = json.loads(output.read_bytes())
    assert (written["input"], list(written)) == (row["input"], ["input", "preferred_output", "non_preferred_output"])
    assert account.lost == {}


def test_several_files_are_written_in_order_and_gz_is_compressed_alike_every_time(tmp_path: Path) -> None:
    first = save(tmp_path / "a.jsonl", CHAT)
    second = save(tmp_path / "b.jsonl", SHAREGPT)
    outputs = [tmp_path / "x.jsonl.gz", tmp_path / "y.jsonl.gz"]
    for output in outputs:
        account = convert([first, second], str(output), "openai-sft")
    assert account.rows_written == 2
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    assert [json.loads(line) for line in gzip.decompress(outputs[0].read_bytes()).splitlines()] == [CHAT, CHAT]


def test_standard_output_gets_the_rows(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    convert([save(tmp_path / "in.jsonl", SHAREGPT)], "-", "openai-sft")
    assert json.loads(capfdbinary.readouterr().out) == CHAT


def test_an_input_is_never_overwritten_under_any_name(tmp_path: Path) -> None:
    source = save(tmp_path / "in.jsonl", CHAT)
    (tmp_path / "link.jsonl").symlink_to(source)
    os.link(source, tmp_path / "hard.jsonl")
    for name in ("in.jsonl", "link.jsonl", "hard.jsonl"):
        with pytest.raises(OutputError, match="one of the inputs"):
            convert([source], str(tmp_path / name), "sharegpt")
    assert json.loads(Path(source).read_bytes()) == CHAT


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    source = save(tmp_path / "in.jsonl", CHAT)
    (tmp_path / "out.jsonl").write_text("old")
    with pytest.raises(InputError):
        convert([source, str(tmp_path / "missing.jsonl")], str(tmp_path / "out.jsonl"), "sharegpt")
    assert (tmp_path / "out.jsonl").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


def test_a_place_that_cannot_be_written_is_an_error_with_a_hint(tmp_path: Path) -> None:
    source = save(tmp_path / "in.jsonl", CHAT)
    for output in (tmp_path / "none" / "out.jsonl", tmp_path):
        with pytest.raises(OutputError) as error:
            convert([source], str(output), "sharegpt")
        assert error.value.hint


def test_a_device_is_written_to_and_stays_a_device(tmp_path: Path) -> None:
    convert([save(tmp_path / "in.jsonl", CHAT)], os.devnull, "sharegpt")
    assert not Path(os.devnull).is_file()


def test_wrong_names_are_answered_with_the_nearest(tmp_path: Path) -> None:
    source = save(tmp_path / "in.jsonl", CHAT)
    with pytest.raises(UsageError) as error:
        convert([source], str(tmp_path / "out.jsonl"), "openai-stf")
    assert error.value.hint == 'did you mean "openai-sft"?'
    with pytest.raises(UsageError, match="JSON Lines"):
        convert([source], str(tmp_path / "out.parquet"), "trl")


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from([b'{"messages": 3}', b"{", b"", b"nul\xff", json.dumps(SHAREGPT).encode(), b'"x"'])
        | st.binary(max_size=12).filter(lambda raw: b"\n" not in raw),
        max_size=8,
    ),
    st.sampled_from(["openai-sft", "openai-dpo", "sharegpt", "alpaca", "trl"]),
)
def test_rows_in_are_rows_written_and_rows_skipped(tmp_path: Path, lines: list[bytes], to: str) -> None:
    source = save(tmp_path / "in.jsonl", json.dumps(CHAT).encode(), *lines)
    output = tmp_path / "out.jsonl"
    account = convert([source], str(output), to)
    assert account.rows_in == account.rows_written + len(account.rows_skipped) == sum(account.shapes.values())
    assert output.read_bytes().count(b"\n") == account.rows_written


@pytest.mark.parametrize(
    ("name", "to", "rows"),
    [
        ("glaive-toolcall-en/glaive_toolcall_en_demo.json", "openai-sft", 300),
        ("llamafactory-en/dpo_en_demo.json.gz", "openai-dpo", 300),
        ("hh-rlhf-harmless-test/test.jsonl.gz", "trl", 2312),
        ("anthropic-json-mode/json_mode_dataset.jsonl", "alpaca", 500),
        ("gsm8k/test.jsonl", "sharegpt", 1319),
        ("self-instruct-seed/seed_tasks.jsonl", "openai-sft", 175),
    ],
)
def test_real_files_are_converted_whole(tmp_path: Path, name: str, to: str, rows: int) -> None:
    path = DATA / "raw" / name
    if not path.exists():
        pytest.skip("the shared data is not here")
    account = convert([str(path)], str(tmp_path / "out.jsonl"), to)
    assert (account.rows_in, account.rows_written) == (rows, rows)
