"""A run hands over its rows: what was asked for beside the rules, the rows of findings, and the names of rows."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.api import make_run, with_counter
from audit.catalog import plan
from audit.config.settings import Settings
from audit.engine.drive import Driven, Means, driving
from audit.engine.executors import Inline
from audit.engine.finish import Finished
from audit.engine.processes import Processes
from audit.engine.row_ids import row_ids
from audit.read.identity import content_id
from audit.read.lines import SourceReader
from audit.read.sources import find_sources
from audit.rule import COPY, NO_COPY, SYNTHETIC, WEIGHTED, Product


def row(question: str, answer: str = "Yes.", **metadata: Any) -> dict[str, Any]:
    said = {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}
    return {**said, "metadata": metadata} if metadata else said


def written(folder: Path, rows: Sequence[Any], name: str = "data.jsonl") -> str:
    lines = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in rows]
    data = b"".join(line + b"\n" for line in lines)
    (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return str(folder / name)


@contextmanager
def gathered(
    path: str, *wanted: Product, settings: Settings | None = None, jobs: int = 1
) -> Iterator[tuple[Driven, Finished]]:
    settings = settings or Settings(select=())
    run = make_run(settings)
    if "token_columns" in wanted:
        run = with_counter(run, settings)
    rules = plan(settings, run).rules if settings.select else ()
    means = Means(executor=Inline() if jobs == 1 else Processes(jobs))
    readers = [SourceReader(source) for source in find_sources([path])]
    with driving(readers, rules, run, means, wanted=frozenset(wanted)) as found:
        yield found


def test_rows_say_that_they_are_copies_made_up_or_weighted(tmp_path: Path) -> None:
    rows = [
        row("a"),
        row("a", audit={"copy_of": "0" * 32 + "#1"}),
        row("a", audit={"copy_of": "x#1"}),
        row("f", audit={"copy_of": "0" * 32 + "#1"}),
        b"not json",
        row("b", audit={"synthetic": {"method": "noise", "of": "x#1"}, "weight": 2.5}),
        row("c", audit={"weight": 0}),
        row("d", audit={"weight": "3", "copy_of": 7, "synthetic": False}),
        row('the word "audit"'),
        row("e", audit={"weight": 10**400}),
    ]
    with gathered(written(tmp_path, rows), "marks", "weights") as (_, context):
        assert list(context.marks) == [0, COPY, NO_COPY, NO_COPY, 0, SYNTHETIC | WEIGHTED, WEIGHTED, 0, 0, 0]
        assert list(context.weights) == [1, 1, 1, 1, 1, 2.5, 0, 1, 1, 1]


def test_a_configured_field_holds_the_weight(tmp_path: Path) -> None:
    settings = Settings(select=(), sections={"data": {"weight": "metadata.importance"}})
    path = written(tmp_path, [row("a", importance=3), row("b", audit={"weight": 9})])
    with gathered(path, "weights", settings=settings) as (_, context):
        assert list(context.weights) == [3, 1]


def test_tokens_are_kept_for_every_row(tmp_path: Path) -> None:
    path = written(tmp_path, [row("one two three", "four five"), b"{", row("six", "seven")])
    with gathered(path, "token_columns") as (_, context):
        totals, targets = list(context.token_totals), list(context.token_targets)
    assert totals[1] == targets[1] == 0
    assert totals[0] > totals[2] > targets[2] > 0


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("name", ["data.jsonl", "data.jsonl.gz"])
def test_every_finding_knows_its_row(tmp_path: Path, jobs: int, name: str) -> None:
    rows: list[Any] = [row(str(number)) for number in range(20)]
    rows[3], rows[7], rows[11] = b"", b"{", row("7", "")
    rows.append(row("5"))  # a duplicate, which a rule over the whole finds
    path = written(tmp_path, rows, name)
    settings = Settings(select=("ENC", "FMT", "DUP401"))
    with gathered(path, "conversation", settings=settings, jobs=jobs) as (driven, context):
        outcome = driven.outcome
        assert len(outcome.ordinals) == len(outcome.findings)
        for finding, ordinal in zip(outcome.findings, outcome.ordinals, strict=True):
            blank = finding.place.line == 4
            assert (ordinal == -1) == (blank or finding.scope != "row")
            if ordinal >= 0:
                assert context.place(ordinal).line == finding.place.line
        assert {finding.code for finding in outcome.findings} >= {"ENC008", "ENC003", "FMT109", "DUP401"}


def test_rows_of_a_packed_file_can_be_read_again_until_the_block_ends(tmp_path: Path) -> None:
    path = written(tmp_path, [row("a"), row("b")], "data.jsonl.gz")
    with gathered(path, "conversation") as (_, context):
        assert [record.data["messages"][0]["content"] for record in context.records([1, 0])] == ["b", "a"]


# ----------------------------------------------------------------------------- names of rows


ROWS = st.lists(
    st.sampled_from([json.dumps(row("a")), json.dumps(row("b", id=1)), json.dumps(row("b", id=2)), "{", "[]", "null"]),
    max_size=12,
)


@given(ROWS)
def test_a_row_is_named_by_its_content_and_its_number_among_equals(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    path = written(tmp_path_factory.mktemp("ids"), [line.encode() for line in lines])
    with gathered(path, "conversation") as (_, context):
        contents = [content_id(record) for record in context.records(range(context.rows))]
        expected = {at: f"{contents[at]}#{contents[: at + 1].count(contents[at])}" for at in range(context.rows)}
        assert row_ids(context, range(context.rows)) == expected
        for one in range(context.rows):
            assert row_ids(context, [one]) == {one: expected[one]}


def test_names_are_the_same_for_many_rows(tmp_path: Path) -> None:
    rows = [row(str(number % 3_000)) for number in range(6_000)]
    with gathered(written(tmp_path, rows), "conversation") as (_, context):
        names = row_ids(context, [5, 3_005])
    assert names[5].endswith("#1")
    assert names[3_005] == names[5].replace("#1", "#2")
