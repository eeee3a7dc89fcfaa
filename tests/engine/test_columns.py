"""Columns: the same identity whichever way a row was read, and rows found again where they lie."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.api import make_run
from audit.config.settings import Settings
from audit.engine.batch import ParsedBatch
from audit.engine.columns import KEYS, OF_PLAIN_CHATS, Columns
from audit.engine.finish import Finished
from audit.engine.fold import Fold, Storage
from audit.engine.rows import Spool, StoredRows, lies_in_file
from audit.errors import InputError
from audit.read.folding import fold, words
from audit.read.lines import SourceReader
from audit.read.sources import find_sources
from audit.rule import Fields

NO_FIELDS = Fields()
TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30).filter(lambda text: not text.isspace())


def line(*turns: str, **more: Any) -> bytes:
    roles = ("user", "assistant")
    return json.dumps(
        {"messages": [{"role": roles[i % 2], "content": t} for i, t in enumerate(turns)], **more}
    ).encode()


def batches(tmp_path: Path, data: bytes, name: str = "x.jsonl") -> list[ParsedBatch]:
    (tmp_path / name).write_bytes(data)
    (source,) = find_sources([str(tmp_path / name)])
    return [ParsedBatch(chunk, texts=True) for chunk in SourceReader(source, chunk_bytes=2_000)]


def finished(
    tmp_path: Path, data: bytes, *products: Any, fields: Fields = NO_FIELDS, name: str = "x.jsonl"
) -> Finished:
    fold_ = Fold((), make_run(Settings()))
    columns = Columns(products, fields)
    spool = Spool(str(tmp_path / "spool"))
    for batch in batches(tmp_path, data, name):
        if not lies_in_file(batch.source):
            spool.put(batch.chunk)
        columns.take(batch)
        fold_.found.count_rows(batch.source, batch.rows, {})
    spool.close()
    fold_.found.columns = columns
    return Finished(fold_.found, StoredRows(columns, fold_.found.ranges, spool.path), fold_.run)


@given(st.lists(TEXTS, min_size=2, max_size=4).filter(lambda turns: len(turns) % 2 == 0))
def test_a_plain_row_has_the_identities_of_its_record(
    tmp_path_factory: pytest.TempPathFactory, turns: list[str]
) -> None:
    (batch,) = batches(tmp_path_factory.mktemp("rows"), line(*turns) + b"\n")
    fields = Fields()
    plain = batch.plain[0]
    if plain is None:  # a control character: never read as plain
        return
    for name, key in KEYS.items():
        assert key.of_plain(plain.messages, fields) == key.of_record(batch.bare_record(0), fields), name
        many = OF_PLAIN_CHATS.get(name)
        assert many is None or many([plain.messages]) == [key.of_plain(plain.messages, fields)]


@given(st.text())
def test_words_are_those_of_the_regular_expression(text: str) -> None:
    import re
    import unicodedata

    assert words(text).decode() == " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", text).lower()))


def test_folding_hides_case_punctuation_and_forms_and_cuts_unspaced_scripts() -> None:
    assert fold("Hello,\n  WORLD! ﬁne “so”") == b"hello world fine so"
    assert fold("中文 ab").decode() == "中 文 ab"


def test_call_ids_weights_metadata_and_tool_descriptions_hide_no_duplicate(tmp_path: Path) -> None:
    def tool_row(call_id: str, description: str, **more: Any) -> bytes:
        call = {"id": call_id, "type": "function", "function": {"name": "f", "arguments": "{}"}}
        tools = [{"type": "function", "function": {"name": "f", "description": description, "parameters": {}}}]
        messages = [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": call_id, "content": "x"},
            {"role": "assistant", "content": "b"},
        ]
        return json.dumps({"messages": messages, "tools": tools, **more}).encode()

    data = b"\n".join(
        [tool_row("1", "one"), tool_row("2", "another", metadata={"id": 7}), line("a", "b"), line("a", "c")]
    )
    context = finished(tmp_path, data + b"\n", "conversation")
    assert [list(group) for group in context.groups("conversation")] == [[0, 1]]


def test_groups_of_many_rows_are_those_of_few(tmp_path: Path) -> None:
    rows = [line(f"question {i % 4_000}", "answer") for i in range(6_000)]
    context = finished(tmp_path, b"\n".join(rows) + b"\n", "conversation", "prompt")
    for product in ("conversation", "prompt"):
        assert [list(group) for group in context.groups(product)] == [[i, i + 4_000] for i in range(2_000)]  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz"])
def test_rows_are_read_again_where_they_lie_or_from_the_spool(tmp_path: Path, name: str) -> None:
    lines = [line("ä", "1"), b"", b"{broken", line("中", "2"), b'{"a": 1}', line("x", "3")]
    data = b"\xef\xbb\xbf" + b"\r\n".join(lines) + b"\r\n"
    context = finished(tmp_path, gzip.compress(data) if name.endswith("gz") else data, "rows", name=name)
    again = list(context.records([4, 0, 1, 2]))
    assert [record.raw for record in again] == [lines[5], lines[0], lines[2], lines[3]]
    assert [(record.line, len(record.messages)) for record in again] == [(6, 2), (1, 2), (3, 0), (4, 2)]
    assert context.place(4).line == 6


def test_a_file_that_was_cut_meanwhile_is_an_error_that_says_so(tmp_path: Path) -> None:
    context = finished(tmp_path, line("a", "b") + b"\n" + line("c", "d") + b"\n", "rows")
    (tmp_path / "x.jsonl").write_bytes(b"")
    with pytest.raises(InputError, match="changed while"):
        list(context.records([1]))


def test_splits_come_from_the_field_and_else_from_the_role(tmp_path: Path) -> None:
    data = b"\n".join(
        [line("a", "b", metadata={"split": "test"}), line("c", "d"), line("e", "f", metadata={"split": 3})]
    )
    context = finished(tmp_path, data + b"\n", "rows", fields=Fields(split="metadata.split"))
    assert context.splits == ["3", "test", "train"]
    assert [context.splits[code] for code in context.split_codes] == ["test", "train", "3"]


def test_a_spool_without_room_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="temporary"):
        Spool("/dev/full").put(batches(tmp_path, line("a", "b") + b"\n")[0].chunk)


def test_no_storage_is_needed_where_no_rule_asks_for_rows() -> None:
    assert Fold((), make_run(Settings()), storage=Storage()).found.columns is None
