"""What a fix does to tokens, cost, labels and groups is counted right, and a group that loses more rows is named."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as options
from hypothesis import strategies as st

from audit.api import make_run, with_counter
from audit.catalog import all_rules
from audit.config.settings import Settings
from audit.engine.drive import Means, driving
from audit.engine.executors import Inline
from audit.engine.finish import Finished
from audit.read.identity import content_id
from audit.read.lines import SourceReader
from audit.read.sources import find_sources
from audit.remedy.fix.effect import Change, Effect, effect_of, effect_products
from audit.rule import Run

LABELLED: Mapping[str, Any] = {"data": {"label": "metadata.label"}}
BY_SEX: Mapping[str, Any] = {**LABELLED, "attributes": {"sex": {"field": "metadata.sex"}}}


def row(number: int, sex: str = "f", label: str = "yes", words: int = 3) -> dict[str, Any]:
    said = " ".join(["word"] * words)
    turns = [{"role": "user", "content": f"{said} {number}"}, {"role": "assistant", "content": "That is right."}]
    return {"messages": turns, "metadata": {"sex": sex, "label": label}}


def two_groups(women: int = 60, men: int = 60) -> list[dict[str, Any]]:
    return [row(n, "f" if n < women else "m", "yes" if n % 2 else "no") for n in range(women + men)]


@contextmanager
def gathered(
    folder: Path, rows: Sequence[Any], sections: Mapping[str, Any] = BY_SEX, *, counted: bool = False, **more: Any
) -> Iterator[tuple[Finished, Run]]:
    path = folder / f"{len(rows)}.jsonl"
    path.write_bytes(b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in rows))
    settings = Settings(select=(), sections=sections, tokenizer="o200k_base", **more)
    run = make_run(settings)
    run = with_counter(run, settings) if counted else run
    readers = [SourceReader(source) for source in find_sources([str(path)])]
    with driving(readers, (), run, Means(executor=Inline()), wanted=effect_products(run, ())) as (_, context):
        yield context, run


def effect(folder: Path, rows: Sequence[Any], removed: Sequence[int], **more: Any) -> Effect:
    with gathered(folder, rows, **more) as (context, run):
        return effect_of(context, run, removed, {})


def rows_of(found: Effect) -> dict[tuple[str, str], tuple[int, float]]:
    return {
        (entry.attribute, one.group): (one.after, one.share_after)
        for entry in found.groups
        for one in entry.groups
        if one.after
    }


@given(
    kinds=st.lists(st.tuples(st.sampled_from("fm?"), st.sampled_from(["yes", "no"]), st.integers(1, 9)), min_size=12),
    data=st.data(),
)
@options(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_left_is_counted_as_if_it_were_read_again(
    tmp_path: Path, kinds: list[tuple[str, str, int]], data: st.DataObject
) -> None:
    rows = [row(n, *kind) for n, kind in enumerate(kinds)]
    removed = sorted(data.draw(st.sets(st.integers(0, len(rows) - 1), max_size=len(rows) - 8)))
    found = effect(tmp_path, rows, removed, counted=True)
    again = effect(tmp_path, [one for n, one in enumerate(rows) if n not in removed], (), counted=True)
    assert found.rows == Change(len(rows), again.rows.before)
    assert found.tokens is not None
    assert again.tokens is not None
    assert found.tokens.total.after == again.tokens.total.before
    assert found.tokens.trainable.after == again.tokens.trainable.before
    assert rows_of(found) == rows_of(again)
    assert {one.label: one.rows.after for one in found.labels if one.rows.after} == {
        one.label: one.rows.before for one in again.labels
    }


def test_a_group_whose_rows_are_removed_more_often_is_named_with_its_counts(tmp_path: Path) -> None:
    found = effect(tmp_path, two_groups(), range(30))
    (sex,) = found.groups
    women, men = sex.groups
    assert (sex.verdict, women.verdict, men.removed) == ("FAIL", "FAIL", 0)
    assert (women.before, women.after, women.removed, women.removal_rate) == (60, 30, 30, 0.5)
    assert (women.share_before, women.share_after) == (0.5, 0.333333)
    assert women.interval[0] < 0.5 < women.interval[1]
    (note,) = found.notes
    assert note.startswith("sex: f has a removal rate of 50.0 % of 60 rows, the rest of 0.0 % of 60: ")
    assert note.endswith("a difference of 50 points (37.5 to 62.5), beyond the tolerance of 5 points.")


def test_removal_that_hits_all_groups_alike_is_no_failure(tmp_path: Path) -> None:
    found = effect(tmp_path, two_groups(400, 400), range(0, 800, 10))
    assert [entry.verdict for entry in found.groups] == ["PASS"]
    assert "within the tolerance of 5 points" in found.notes[0]


def test_small_groups_are_named_and_not_judged(tmp_path: Path) -> None:
    rows = [*two_groups(40, 40), row(500, "x"), row(501, "x")]
    found = effect(tmp_path, rows, [80, 81])
    assert "sex: every row is removed of x (2)." in found.notes
    assert "sex: too few rows to judge, fewer than 30: x (2)." in found.notes
    assert {one.group: one.too_few for one in found.groups[0].groups} == {"f": False, "m": False, "x": True}


def test_rows_without_a_group_are_shown_and_not_compared(tmp_path: Path) -> None:
    found = effect(tmp_path, [*two_groups(), {"messages": row(1)["messages"]}], [120])
    unknown = found.groups[0].groups[-1]
    assert (unknown.group, unknown.removed, unknown.compared) == ("unknown", 1, False)
    assert found.measures[-1].table["unknown"] == {"n": 1, "hits": 1}


def test_nothing_removed_gives_rates_of_zero_and_no_judgement(tmp_path: Path) -> None:
    found = effect(tmp_path, two_groups(), ())
    assert [(entry.verdict, {one.removed for one in entry.groups}) for entry in found.groups] == [("NOT_ASSESSED", {0})]
    assert found.notes == ()


def test_an_attribute_that_cannot_be_judged_says_why(tmp_path: Path) -> None:
    rows = [row(n, f"group {n}") for n in range(60)]
    found = effect(tmp_path, rows, [3])
    assert found.groups[0].verdict == "NOT_ASSESSED"
    assert found.groups[0].reason
    assert found.notes[0].startswith("sex cannot be judged: ")


def test_an_edited_row_counts_with_the_label_and_the_tokens_it_has_then(tmp_path: Path) -> None:
    rows = [row(n, label="yes" if n % 2 else "no") for n in range(10)]
    edited = row(1, label="perhaps", words=1)
    with gathered(tmp_path, rows, counted=True) as (context, run), gathered(tmp_path, [edited]) as (other, _):
        (record,) = other.records([0])
        found = effect_of(context, run, [2], {1: record})
        assert run.tokens is not None
        shorter = run.tokens.row(record).total - context.token_totals[1] - context.token_totals[2]
    assert found.tokens is not None
    assert found.tokens.total.after - found.tokens.total.before == shorter
    assert [(one.label, one.rows) for one in found.labels] == [
        ("no", Change(5, 4)),
        ("yes", Change(5, 4)),
        ("perhaps", Change(0, 1)),
    ]
    assert (found.removed, found.edited) == (1, 1)


def test_a_label_that_no_row_has_any_more_is_said(tmp_path: Path) -> None:
    rows = [row(n, label="rare" if n < 2 else "yes") for n in range(20)]
    assert effect(tmp_path, rows, [0, 1], sections=LABELLED).notes == (
        "No row has the label rare any more (2 had it).",
    )


def test_the_cost_is_that_of_the_rows_that_are_billed(tmp_path: Path) -> None:
    found = effect(tmp_path, two_groups(), range(60), counted=True, model="gpt-4o-2024-08-06", epochs=2.0)
    assert found.cost is not None
    assert found.tokens is not None
    assert (found.cost.before.billable, found.cost.after.billable) == (
        found.tokens.total.before,
        found.tokens.total.after,
    )
    assert found.cost.before.cost == pytest.approx(2 * 25e-6 * found.tokens.total.before)
    assert found.cost.after.cost < found.cost.before.cost


def test_without_a_price_there_is_no_cost_and_without_a_counter_no_tokens(tmp_path: Path) -> None:
    assert effect(tmp_path, two_groups(), [1], counted=True).cost is None
    found = effect(tmp_path, two_groups(), [1])
    assert (found.tokens, found.cost) == (None, None)


def test_unreadable_rows_are_counted_and_have_no_tokens(tmp_path: Path) -> None:
    found = effect(tmp_path, [b"{\n", *two_groups(), b"[1]\n"], [0, 121], counted=True)
    assert found.rows == Change(122, 120)
    assert found.tokens is not None
    assert found.tokens.total.before == found.tokens.total.after


def test_an_empty_file_has_an_effect_of_nothing(tmp_path: Path) -> None:
    found = effect(tmp_path, [], (), counted=True)
    assert found.rows == Change(0, 0)
    assert found.labels == ()


def test_copies_of_one_row_are_no_evidence_of_a_difference(tmp_path: Path) -> None:
    copied = [row(1, "f", "yes") for _ in range(60)]
    found = effect(tmp_path, [*copied, *two_groups(0, 60)], range(30))
    assert found.groups[0].verdict != "FAIL"


def test_rows_that_a_remedy_made_are_no_evidence_of_a_difference(tmp_path: Path) -> None:
    with gathered(tmp_path, [row(1)]) as (context, _):
        (record,) = context.records([0])
    made = [row(n, "f", "yes") for n in range(100, 160)]
    for one in made:
        one["metadata"]["audit"] = {"synthetic": {"method": "noise", "of": f"{content_id(record)}#1"}}
    found = effect(tmp_path, [row(1), *made, *two_groups(0, 60)], range(1, 31))
    assert found.groups[0].verdict != "FAIL"


def test_the_effect_is_json_and_comes_back(tmp_path: Path) -> None:
    found = effect(tmp_path, two_groups(), range(30), counted=True, model="gpt-4o-2024-08-06")
    built = msgspec.to_builtins(found)
    assert msgspec.convert(json.loads(json.dumps(built)), Effect) == msgspec.convert(built, Effect)
    assert [measure["name"] for measure in built["measures"]] == ["fix.rows", "fix.tokens", "fix.removal_rate"]
    assert all(measure["n"] for measure in built["measures"])


def test_tokens_are_asked_for_only_where_a_rule_counts_them(tmp_path: Path) -> None:
    with gathered(tmp_path, [row(1)]) as (_, run):
        plain = [rule for rule in all_rules() if not rule.needs]
        counting = [rule for rule in all_rules() if "tokens" in rule.needs]
        assert "token_columns" not in effect_products(run, plain)
        assert "token_columns" in effect_products(run, counting)
        assert "attributes" in effect_products(run, plain)
        assert "attributes" not in effect_products(msgspec.structs.replace(run, attributes=()), plain)


def test_the_labels_sum_to_the_labelled_rows(tmp_path: Path) -> None:
    found = effect(tmp_path, two_groups(), [0, 1, 2])
    assert sum(one.share_after for one in found.labels) == pytest.approx(1, abs=1e-5)
    assert [(one.label, one.rows.before, one.rows.after) for one in found.labels] == [("no", 60, 58), ("yes", 60, 59)]
