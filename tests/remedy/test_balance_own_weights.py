"""Rows that come with weights of their own: mass is held against mass, and what stays as it was is said."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from math import fsum
from pathlib import Path
from typing import Any

import pytest

import audit
from audit.errors import UsageError
from audit.policy.words import percent
from audit.remedy.balance.options import BalanceOptions
from audit.remedy.balance.report import BalanceReport
from audit.remedy.ledger import read_ledger

WORDS = "please tell whether the applicant should receive another interview because several answers seemed short"


def row(number: int, sex: str | None, weight: Any = None, **more: Any) -> dict[str, Any]:
    words = WORDS.split()
    random.Random(number).shuffle(words)
    said = [{"role": "user", "content": " ".join(words)}, {"role": "assistant", "content": "yes"}]
    named = {} if sex is None else {"sex": sex}
    own = {} if weight is None else {"w": weight}
    return {"messages": said, "metadata": {**named, **own, **more}}


def balanced(path: Path, rows: Iterable[Any], shares: dict[str, float], **more: Any) -> BalanceReport:
    path.write_bytes(b"".join(json.dumps(one).encode() + b"\n" for one in rows))
    sections = {
        "data": {"weight": more.pop("weight", "metadata.w")},
        "attributes": {"sex": {"field": "metadata.sex", "reference": shares}},
    }
    target = {"target": more.pop("target")} if "target" in more else {}
    write = more.pop("write", True)
    options = BalanceOptions(by=("sex",), **more)
    return audit.balance(path, options=options, sections=sections, as_of="2026-11-21", write=write, **target)


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.with_name("train.balanced.jsonl").read_bytes().splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "train.jsonl"


# ----------------------------------------------------------------------------- making rows up


def test_rows_are_made_up_for_the_weight_that_is_lacking_and_not_for_rows(path: Path) -> None:
    # 20 women of weight 0.5 and 10 men of weight 2 are 10 and 20: women lack 10, men none.
    rows = [row(n, "f", 0.5) for n in range(20)] + [row(100 + n, "m", 2.0) for n in range(10)]
    report = balanced(path, rows, {"f": 0.5, "m": 0.5}, method="augment", augment="noise")
    cells = {line.levels["sex"]: line for line in report.cells}
    assert (cells["f"].before, cells["f"].after) == (10.0, 20.0)
    assert (cells["m"].before, cells["m"].after) == (20.0, 20.0)
    assert report.rows.added == report.made_up["made"] == 10


def test_of_a_group_that_should_shrink_none_are_made_up(path: Path) -> None:
    rows = [row(n, "fm"[n % 2], 0.1 + (n % 5)) for n in range(60)]
    report = balanced(path, rows, {"f": 0.7, "m": 0.3}, method="augment", augment="noise")
    before, after = ({line.levels["sex"]: getattr(line, name) for line in report.cells} for name in ("before", "after"))
    assert after["m"] == pytest.approx(before["m"])
    assert before["f"] < after["f"] <= before["m"] * 7 / 3 + 0.5


def test_where_nothing_is_made_up_that_is_said(path: Path) -> None:
    rows = [row(n, "fm"[n % 2]) for n in range(20)]
    report = balanced(path, rows, {"f": 0.5, "m": 0.5}, method="augment", augment="noise")
    assert report.rows.added == 0
    assert any("no row was made up" in note for note in report.notes)


def test_a_dry_run_asks_nobody_for_paraphrases(path: Path) -> None:
    class Nobody:
        def paraphrase(self, texts: object) -> list[str | None]:
            raise AssertionError("asked")

    rows = [row(n, "f") for n in range(10)] + [row(100 + n, "m") for n in range(15)]
    path.write_bytes(b"".join(json.dumps(one).encode() + b"\n" for one in rows))
    shares = {"field": "metadata.sex", "reference": {"f": 0.5, "m": 0.5}}
    report = audit.balance(
        path,
        options=BalanceOptions(by=("sex",), method="augment", augment="paraphrase"),
        sections={"attributes": {"sex": shares}},
        paraphraser=Nobody(),
        write=False,
    )
    assert any("would ask for 5 paraphrases" in note for note in report.notes)
    assert report.rows.added == 0


def test_a_configured_paraphrase_needs_no_endpoint_where_somebody_is_given_and_counts_failures(path: Path) -> None:
    class Silent:
        failures = {"timeout": 5}  # noqa: RUF012

        def paraphrase(self, texts: Sequence[str]) -> list[str | None]:
            return [None] * len(texts)

    rows = [row(n, "f") for n in range(10)] + [row(100 + n, "m") for n in range(15)]
    path.write_bytes(b"".join(json.dumps(one).encode() + b"\n" for one in rows))
    shares = {"field": "metadata.sex", "reference": {"f": 0.5, "m": 0.5}}
    asked = {"by": "sex", "method": "augment", "augment": "paraphrase"}
    report = audit.balance(path, sections={"attributes": {"sex": shares}, "balance": asked}, paraphraser=Silent())
    assert report.rows.added == 0
    assert report.made_up["failures"] == {"timeout": 5}
    assert any("timeout 5" in note for note in report.notes)


# ----------------------------------------------------------------------------- rows that stay as they were


def mixed() -> list[dict[str, Any]]:
    rows = [row(n, "f", 1.0) for n in range(20)] + [row(100 + n, "m", 2.0) for n in range(20)]
    return rows + [row(200 + n, "x", 3.0) for n in range(10)]


def test_the_share_of_rows_left_as_they_were_is_said_before_and_after(path: Path) -> None:
    report = balanced(path, mixed(), {"f": 0.5, "m": 0.5}, method="undersample")
    written = read(path)
    left = fsum(one["metadata"]["w"] for one in written if one["metadata"]["sex"] == "x")
    share = left / fsum(one["metadata"]["w"] for one in written)
    (note,) = (note for note in report.notes if "left as they were" in note)
    assert f"33.33 % of the weight before and {percent(share)} after" in note


def test_where_weights_are_written_the_share_of_rows_left_as_they_were_stays(path: Path) -> None:
    report = balanced(path, mixed(), {"f": 0.5, "m": 0.5})
    assert not any("left as they were" in note for note in report.notes)


def test_a_target_that_takes_no_weights_is_told_of_those_that_stay(path: Path) -> None:
    report = balanced(path, mixed(), {"f": 0.5, "m": 0.5}, target="openai-sft")
    assert any(note.startswith("10 rows keep a weight of their own") for note in report.notes)


def test_the_levels_that_are_left_as_they_were_come_with_their_rows(path: Path) -> None:
    report = balanced(path, mixed(), {"f": 0.5, "m": 0.5})
    assert {line.level: line.left for line in report.shares} == {"f": 0, "m": 0, "x": 10}
    from audit.reports.balance_text import render

    (line,) = (line for line in "".join(render(report)).splitlines() if line.startswith("sex  x"))
    assert line.split() == ["sex", "x", "-", "-", "-", "0", "10"]


def test_a_cap_is_said_to_be_one_of_factors_where_rows_have_weights(path: Path) -> None:
    assert any("the cap is on factors" in note for note in balanced(path, mixed(), {"f": 0.5, "m": 0.5}).notes)
    rows = [row(n, "fm"[n % 3 > 0]) for n in range(30)]
    unweighted = balanced(path, rows, {"f": 0.5, "m": 0.5}, force=True)
    assert not any("the cap is on factors" in note for note in unweighted.notes)


# ----------------------------------------------------------------------------- weights that are none


@pytest.mark.parametrize("method", ["reweight", "oversample", "undersample"])
@pytest.mark.parametrize("value", ["2", "abc", -1, "", [1], True, {"a": 1}])
def test_weights_that_are_no_numbers_are_counted_and_said(path: Path, value: Any, method: str) -> None:
    rows = [row(n, "fm"[n % 3 > 0], 1.5) for n in range(29)] + [row(99, "m", value)]
    report = balanced(path, rows, {"f": 0.5, "m": 0.5}, method=method)
    (note,) = (note for note in report.notes if "no number" in note)
    assert note.startswith("1 row has a weight that is no number of 0 or more")
    assert "train.jsonl:30" in note


def test_null_is_no_number_either(path: Path) -> None:
    rows = [row(n, "fm"[n % 3 > 0], w=None) for n in range(30)]
    report = balanced(path, rows, {"f": 0.5, "m": 0.5})
    assert any(note.startswith("30 rows have a weight that is no number") for note in report.notes)


def test_true_is_no_weight_of_one(path: Path) -> None:
    rows = [row(n, "f", True) for n in range(6)] + [row(100 + n, "m", True) for n in range(12)]
    balanced(path, rows, {"f": 0.5, "m": 0.5}, method="oversample")
    copied = [one for one in read(path) if "audit" in one["metadata"]]
    assert copied
    assert {type(one["metadata"]["w"]) for one in copied} == {float}


# ----------------------------------------------------------------------------- the ledger


@pytest.mark.parametrize("method", ["reweight", "undersample"])
def test_the_ledger_points_at_the_weight_with_a_json_pointer(path: Path, method: str) -> None:
    rows = [row(n, "f", 1.0) for n in range(10)] + [row(100 + n, "m", 2.0) for n in range(10)]
    balanced(path, rows, {"f": 0.5, "m": 0.5}, method=method)
    lines = read_ledger(path.with_name("train.balanced.ledger.jsonl")).lines()
    edits = [edit for line in lines for edit in line.edits]
    assert edits
    assert {(edit["op"], edit["pointer"]) for edit in edits} == {("replace", "/metadata/w")}


# ----------------------------------------------------------------------------- what does not fit


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_copies": 0, "method": "oversample"}, "max_copies must be a whole number from 1 to 1000"),
        ({"max_copies": 70_000}, "max_copies must be a whole number from 1 to 1000"),
        ({"method": "foo"}, "method"),
        ({"augment": "foo"}, "augment"),
        ({"by": "sex"}, "by"),
        ({"by": ()}, "what to balance by"),
        ({"weights_to": "w.csv", "method": "oversample"}, "--weights-to takes weights"),
        ({"strength": 2.0}, "strength must be between 0 and 1"),
        ({"cap": 0.5}, "cap must be 1 or more"),
        ({"force": "no"}, "force"),
    ],
)
def test_options_from_python_are_checked_like_flags(path: Path, options: dict[str, Any], said: str) -> None:
    path.write_text(json.dumps(row(1, "f")) + "\n")
    with pytest.raises(UsageError, match=said):
        audit.balance(path, options=BalanceOptions(**{"by": ("sex",), **options}))
    assert [file.name for file in path.parent.iterdir()] == ["train.jsonl"]


def test_lists_and_paths_are_taken_where_python_gives_them(path: Path) -> None:
    rows = [row(n, "fm"[n % 3 > 0]) for n in range(30)]
    path.write_bytes(b"".join(json.dumps(one).encode() + b"\n" for one in rows))
    sections = {"attributes": {"sex": {"field": "metadata.sex", "reference": "uniform"}}}
    output = path.with_name("o.jsonl")
    options: Any = {"by": ["sex"]}
    audit.balance(path, output, options=BalanceOptions(**options), sections=sections)
    assert output.exists()


def test_a_file_without_rows_is_said_to_have_none(path: Path) -> None:
    path.write_bytes(b"")
    with pytest.raises(UsageError, match="no rows"):
        audit.balance(path, options=BalanceOptions(by=("label",)), sections={"data": {"label": "metadata.label"}})


def test_copies_of_a_row_with_a_mark_that_names_no_row_name_it(path: Path) -> None:
    rows = [row(n, "f", audit={"copy_of": "x"}) for n in range(6)] + [row(100 + n, "m") for n in range(12)]
    report = balanced(path, rows, {"f": 0.5, "m": 0.5}, method="oversample")
    marks = [one["metadata"]["audit"]["copy_of"] for one in read(path) if "audit" in one["metadata"]]
    assert report.rows.copied == 6
    assert sorted(mark.partition("#")[2] for mark in marks) == [""] * 6 + ["1"] * 6
